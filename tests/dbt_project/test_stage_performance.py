"""mart_stage_performance_monthly over a random world against a walk through each life, and its check made to fail."""

import math
from collections import Counter, defaultdict
from datetime import datetime, timedelta

import numpy as np
import pytest
from lifelines import KaplanMeierFitter
from random_funnel import AS_OF, CLOSED, MONTHS, STAGES, category, is_gone, kind_of_move, run_models, some_deals

MODELS = [
    "int_live_stays",
    "int_stage_times_monthly",
    "int_stage_flows_monthly",
    "int_stage_stuck_monthly",
    "mart_stage_performance_monthly",
]
KINDS = ("forward", "backward", "won", "lost", "reopened", "pipeline_change", "void")


@pytest.fixture(scope="module")
def deals():
    return some_deals(seed=5, count=900)


@pytest.fixture(scope="module")
def con(compiled, deals):
    with run_models(compiled, deals, MODELS) as connection:
        yield connection


@pytest.fixture(scope="module")
def rows(con) -> dict[tuple[int, str], dict]:
    found = con.execute("from marts.mart_stage_performance_monthly order by month, stage_key")
    names = [column[0] for column in found.description]
    listed = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return {((row["month"].year - 2025) * 12 + row["month"].month - 1, row["stage_key"]): row for row in listed}


def month_of(at: datetime) -> int:
    return (at.year - 2025) * 12 + at.month - 1


def happenings(deal):
    """What befalls a deal in order: (at, what, stage or None)."""
    moves = [(at, 2, "move", stage) for at, stage in deal["visits"]]
    for gone, back in deal["deleted"]:
        moves.append((gone, 3, "deleted", None))
        if back:
            moves.append((back, 1, "restored", None))
    return [(at, what, stage) for at, _, what, stage in sorted(moves, key=lambda m: m[:2]) if at < AS_OF]


def flows(deals) -> Counter:
    """(month, stage, entered or kind of exit) → how many, by walking through each life."""
    counted: Counter = Counter()
    for deal in deals:
        here, live = None, True
        for at, what, stage in happenings(deal):
            month = month_of(at)
            if what == "move":
                if live and here:
                    counted[month, here, kind_of_move(here, stage)] += 1
                if live:
                    counted[month, stage, "entered"] += 1
                here = stage
            elif what == "deleted" and live:
                counted[month, here, "void"] += here is not None
                live = False
            elif what == "restored" and not live:
                counted[month, here, "entered"] += here is not None
                live = True
    return counted


def test_flows_are_those_of_every_life(rows, deals):
    expected = flows(deals)
    assert len(rows) == len(MONTHS) * len(STAGES)
    there = dict.fromkeys(STAGES, 0)
    for month in range(len(MONTHS)):
        for stage in STAGES:
            row = rows[month, stage]
            entered = expected[month, stage, "entered"]
            exits = {kind: expected[month, stage, kind] for kind in KINDS}
            assert (row["at_risk"], row["entered"]) == (there[stage], entered), (month, stage)
            assert {kind: row[f"exits_{kind}"] for kind in KINDS} == exits, (month, stage)
            there[stage] += entered - sum(exits.values())
            assert row["still_there"] == there[stage]
    # every kind of exit, deletions and restorations among them, is really there
    assert all(sum(count for key, count in expected.items() if key[2] == kind) > 3 for kind in KINDS)
    assert sum(len(deal["deleted"]) for deal in deals) > 50


def lived(deals):
    """(month, stage) → [(days, ended)] of the stays entered in the month."""
    stays = defaultdict(list)
    for deal in deals:
        for n, (at, stage) in enumerate(deal["visits"]):
            # began while the deal was deleted: nobody saw it enter
            if deal["imported"] or any(gone <= at and (back is None or back > at) for gone, back in deal["deleted"]):
                continue
            left = deal["visits"][n + 1][0] if n + 1 < len(deal["visits"]) else None
            end = left or AS_OF
            if is_gone(deal, AS_OF):
                last = deal["deleted"][-1][0] if deal["deleted"][-1][0] < AS_OF else deal["deleted"][-2][0]
                end = min(end, last)
            stays[month_of(at), stage].append(((end - at) / timedelta(days=1), left is not None and left <= end))
    return stays


def quantile(stays, share):
    curve = KaplanMeierFitter().fit(*zip(*stays, strict=True)).survival_function_.iloc[:, 0]
    reached = curve.index[curve <= 1 - share + 1e-9]
    return pytest.approx(reached[0], abs=1e-6) if len(reached) else None


def test_days_are_kaplan_meier_quantiles(rows, deals):
    stays, nulls = lived(deals), 0
    for (month, stage), row in rows.items():
        own = stays[month, stage]
        recent = [
            (math.ceil(days), ended) for m in range(month - 11, month + 1) for days, ended in stays.get((m, stage), [])
        ]
        expected = [quantile(own, share) if own else None for share in (0.5, 0.75, 0.9)]
        expected.append(quantile(recent, 0.75) if recent else None)
        found = [row[name] for name in ("median_days", "p75_days", "p90_days", "trailing_12m_p75_days")]
        assert found == expected, (month, stage)
        assert row["days_n"] == len(own)
        nulls += found.count(None)
    assert 100 < nulls < 700


def test_stuck_deals_slow_stages_and_the_order_of_bottlenecks(rows, deals):
    stays = lived(deals)
    stuck_total, slow = 0, 0
    for month, start in enumerate(MONTHS):
        end = min(AS_OF, MONTHS[month + 1]) if month + 1 < len(MONTHS) else AS_OF
        for stage in STAGES:
            row, limit = rows[month, stage], rows[month, stage]["trailing_12m_p75_days"]
            if category(stage) in CLOSED or limit is None:
                assert (row["stuck_count"], row["stuck_amount"]) == (None, None)
                continue
            stuck = []
            for deal in deals:
                visits = [visit for visit in deal["visits"] if visit[0] < end]
                is_there = visits and visits[-1][1] == stage and not is_gone(deal, end)
                if is_there and (end - visits[-1][0]) / timedelta(days=1) > limit:
                    stuck.append(deal["amount"] or 0)
            assert (row["stuck_count"], row["stuck_amount"]) == (len(stuck), sum(stuck)), (start, stage)
            stuck_total += len(stuck)
            own = stays.get((month, stage), [])
            p75 = row["p75_days"] if row["p75_days"] is not None else max((days for days, _ in own), default=0)
            is_slow = len(own) >= 10 and p75 > 1.25 * limit and stage != "p:old"
            assert row["is_slow"] == is_slow, (start, stage)
            slow += is_slow
        for pipeline in ("p", "q"):
            ranked = sorted(
                (
                    row
                    for (m, _), row in rows.items()
                    if (m, row["pipeline_key"]) == (month, pipeline) and row["bottleneck_rank"]
                ),
                key=lambda row: row["bottleneck_rank"],
            )
            assert [row["bottleneck_rank"] for row in ranked] == list(range(1, len(ranked) + 1))
            assert not {row["stage_key"] for row in ranked} & {"p:old", "p:won", "p:lost", "p:dup", "q:won", "q:lost"}
            known = [row["trailing_12m_p75_days"] for row in ranked if row["trailing_12m_p75_days"] is not None]
            assert np.all(np.diff(known) <= 0), (start, pipeline)
    assert stuck_total > 100
    assert slow


def test_the_check_holds_and_can_fail(con, compiled):
    check = compiled["marts_stage_flows_hold"]
    assert con.execute(check).fetchall() == []
    for broken in (
        "update marts.mart_stage_performance_monthly set exits_won = exits_won + 1 where stage_key = 'p:c'",
        "update marts.mart_stage_performance_monthly set at_risk = at_risk + 1, still_there = still_there + 1",
        "delete from marts.mart_stage_performance_monthly where month = '2025-07-01'",
        "delete from marts.fct_pipeline_month_end where month_end = '2025-06-30'",
    ):
        con.execute("begin")
        con.execute(broken)
        assert con.execute(check).fetchall() != [], broken
        con.execute("rollback")

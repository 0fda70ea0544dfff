"""mart_funnel_conversion_monthly over a random world against a walk through each life; its check made to fail."""

from collections import defaultdict
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import NormalDist

import pytest
from random_funnel import AS_OF, MONTHS, STAGES, category, is_gone, reach, run_models, some_deals

MODELS = ["int_funnel_steps", "int_funnel_journeys", "int_funnel_cohorts", "mart_funnel_conversion_monthly"]
LADDERS = {"p": ["p:a", "p:b", "p:c", "p:won"], "q": ["q:x", "q:y", "q:won"]}
STEPS = {
    (start, end)
    for ladder in LADDERS.values()
    for start, end in [*pairwise(ladder), *((stage, ladder[-1]) for stage in ladder[:-1])]
}


@pytest.fixture(scope="module")
def deals():
    return some_deals(seed=11, count=1500)


@pytest.fixture(scope="module")
def con(compiled, deals):
    with run_models(compiled, deals, MODELS) as connection:
        yield connection


@pytest.fixture(scope="module")
def rows(con) -> dict[tuple, dict]:
    found = con.execute("from marts.mart_funnel_conversion_monthly")
    names = [column[0] for column in found.description]
    listed = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return {(row["cohort_month"], row["basis"], row["from_stage_key"], row["to_stage_key"]): row for row in listed}


def first_reached(deal, stage) -> datetime | None:
    """When the deal's high-water mark in the stage's pipeline first came to the stage."""
    pipeline = STAGES[stage][0]
    for at, visited in deal["visits"]:
        if STAGES[visited][0] == pipeline and reach(visited) >= max(reach(stage), 0.5):
            return at
    return None


def came_in_at(deal, stage) -> bool:
    """Came from outside into the stage, and had reached nothing of its pipeline before."""
    number = next(n for n, (at, _) in enumerate(deal["visits"]) if at == first_reached(deal, stage))
    visited = [s for _, s in deal["visits"]]
    while reach(visited[number]) < reach(stage) or STAGES[visited[number]][0] != STAGES[stage][0]:
        number += 1  # visits of the same instant
    before = [s for s in visited[:number] if STAGES[s][0] == STAGES[stage][0]]
    is_arrival = number == 0 or STAGES[visited[number - 1]][0] != STAGES[stage][0]
    return visited[number] == stage and is_arrival and all(reach(s) < 0 for s in before)


def what_came_of(deal, start, end) -> tuple[str, float | None]:
    began, arrived = first_reached(deal, start), first_reached(deal, end)
    last_at, last = deal["visits"][-1]
    if arrived:
        return "reached", (arrived - began) / timedelta(days=1)
    if STAGES[last][0] != STAGES[start][0] or category(last) in ("void", "won"):
        return "void", None
    if category(last) == "lost":
        return "lost", (last_at - began) / timedelta(days=1)
    return "still_open", (AS_OF - began) / timedelta(days=1)


def cohorts(deals) -> dict[tuple, list[tuple]]:
    """(month, basis, from, to) → [(deal, began, state, days)]."""
    gathered = defaultdict(list)
    for deal in deals:
        if deal["imported"] or is_gone(deal, AS_OF):
            continue
        for start, end in STEPS:
            began = first_reached(deal, start)
            if began:
                told = (deal, began, *what_came_of(deal, start, end))
                gathered[began.date().replace(day=1), "stage_entered", start, end].append(told)
                gathered[deal["created"].date().replace(day=1), "created", start, end].append(told)
    return gathered


def test_counts_are_those_of_every_life(rows, deals):
    expected, counted = cohorts(deals), 0
    assert set(rows) == {
        (m.date(), basis, *step) for m in MONTHS for basis in ("created", "stage_entered") for step in STEPS
    }
    totals: dict[str, int] = defaultdict(int)
    for key, row in rows.items():
        told = expected[key]
        states = {
            name: sum(state == name for *_, state, _ in told) for name in ("reached", "lost", "void", "still_open")
        }
        assert {name: row[name] for name in states} == states, key
        assert (row["entered"], row["rate_n"]) == (len(told), len(told) - states["void"]), key
        start, end = key[2:]
        assert row["direct_entry"] == sum(came_in_at(deal, start) for deal, *_ in told), key
        implied = [d for d, _, state, _ in told if state == "reached" and end not in [s for _, s in d["visits"]]]
        assert row["n_implied"] == (0 if category(end) == "won" else len(implied)), key
        assert row["is_next_stage"] == any((start, end) in pairwise(ladder) for ladder in LADDERS.values())
        assert row["is_small_sample"] == (row["rate_n"] < 30)
        for name, count in states.items():
            totals[name] += count
        counted += row["direct_entry"] + row["n_implied"]
    assert min(totals.values()) > 100
    assert counted > 1000


def test_rates_by_age_wait_for_every_deal(rows, deals):
    expected, waiting, told_rates = cohorts(deals), 0, 0
    for key, row in rows.items():
        told = expected[key]
        over = (key[0].replace(day=28) + timedelta(days=4)).replace(day=1)
        begun = max([datetime(over.year, over.month, 1, tzinfo=AS_OF.tzinfo), *(began for _, began, *_ in told)])
        n = sum(state != "void" for *_, state, _ in told)
        for age in (30, 60, 90, 180):
            rate = row[f"rate_{age}d"]
            if begun + timedelta(days=age) > AS_OF or n == 0:
                assert rate is None, (key, age)
                waiting += 1
            else:
                within = sum(state == "reached" and days <= age for *_, state, days in told)
                assert rate == pytest.approx(within / n), (key, age)
                told_rates += 1
        assert row["observed_rate"] == (pytest.approx(row["reached"] / n) if n else None)
        assert row["is_mature"] == (begun <= AS_OF and n > 0 and row["still_open"] <= 0.05 * n)
    assert waiting > 100
    assert told_rates > 500


def aalen_johansen(lives: list[tuple[float, str]]) -> tuple[float, float, float | None]:
    """(probability in the end, its variance, days by which it is a half), as the textbook has it."""
    surviving, incidence, curve = 1.0, 0.0, []
    for day in sorted({days for days, _ in lives}):
        n = sum(days >= day for days, _ in lives)
        reached = sum(days == day and state == "reached" for days, state in lives)
        ended = sum(days == day and state != "still_open" for days, state in lives)
        incidence += surviving * reached / n
        curve.append((day, n, reached, ended, surviving, incidence))
        surviving *= 1 - ended / n
    variance = 0.0
    for _, n, reached, ended, before, so_far in curve:
        rest = incidence - so_far
        variance += rest**2 * ended / (n * (n - ended)) if ended < n else 0
        variance += before**2 * reached * (n - reached) / n**3 - 2 * rest * before * reached / n**2
    return incidence, variance, next((day for day, *_, so_far in curve if so_far >= 0.5 - 1e-9), None)


def test_eventual_rates_reckon_with_what_is_open(rows, deals):
    """Against the textbook's loops (the macro itself is held against lifelines, which cannot have ties)."""
    from math import exp, log, sqrt

    expected, inside, ends = cohorts(deals), 0, 0
    z = NormalDist().inv_cdf(0.975)
    for key, row in rows.items():
        lives = [(days, state) for *_, state, days in expected[key] if state != "void"]
        decided = sum(state != "still_open" for _, state in lives)
        found = [row[name] for name in ("eventual_rate", "eventual_rate_low", "eventual_rate_high")]
        if not decided:
            assert found == [None] * 3, key
            continue
        rate, variance, median = aalen_johansen(lives)
        assert found[0] == pytest.approx(rate, abs=1e-9), key
        assert row["median_days_to_reach"] == (None if median is None else pytest.approx(median)), key
        if 1e-9 < rate < 1 - 1e-9:
            spread = z * sqrt(max(variance, 0)) / (rate * abs(log(rate)))
            assert found[1:] == pytest.approx([rate ** exp(spread), rate ** exp(-spread)], abs=1e-9), key
            inside += 1
        else:
            width = z**2 / (decided + z**2)  # Wilson's other bound where none or all of them did
            assert found[1:] == pytest.approx([0, width] if rate < 0.5 else [1 - width, 1], abs=1e-9), key
            ends += 1
        if not any(state == "still_open" for _, state in lives):
            assert rate == pytest.approx(row["observed_rate"])
    assert inside > 150
    assert ends > 3


def test_the_check_holds_and_can_fail(con, compiled):
    check = compiled["marts_conversions_hold"]
    assert con.execute(check).fetchall() == []
    table = "marts.mart_funnel_conversion_monthly"
    for broken in (
        f"update {table} set lost = lost + 1 where from_stage_key = 'p:b'",
        f"update {table} set rate_60d = rate_30d - 0.01 where rate_30d > 0.1",
        f"update {table} set eventual_rate = observed_rate - 0.1 where observed_rate > 0.2",
        f"update {table} set entered = entered + 1, still_open = still_open + 1, rate_n = rate_n + 1 "
        "where cohort_month = '2025-05-01' and to_stage_key = 'q:y'",
        f"delete from {table} where cohort_month = '2025-07-01'",
        f"insert into {table} select * from {table} limit 1",
    ):
        con.execute("begin")
        con.execute(broken)
        assert con.execute(check).fetchall() != [], broken
        con.execute("rollback")

"""Reps, open deals and leads over a random world, against plain loops over the dimensions written from METRICS.md."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache

import naive
import pytest
from chain import read_compiled
from reps_world import AS_OF, TARGETS, make
from whole import build

from benchmarks.lead_priority import lift

NOW = datetime.fromisoformat(AS_OF)
TESTED = ("marts_reps_add_up", "marts_open_deals_are_the_open_deals", "marts_lead_priority_is_the_open_leads")


@pytest.fixture(scope="module")
def con(dbt, compiled):
    with build(compiled, dbt.target, make, AS_OF) as connection:
        yield connection


def test_data_tests_hold_here_too(con, dbt):
    tests = read_compiled(dbt.target)
    for name in TESTED:
        assert con.execute(tests[name]).fetchall() == [], name


def test_naive_sums_after_the_table_guide_are_the_facts(con):
    assert con.execute("select sum(quota) > 0 from marts.mart_rep_performance_monthly").fetchone() == (True,)
    assert naive.wrong(con) == []


def rows(con, query: str) -> list[dict]:
    cursor = con.execute(query)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def month_of(moment: date | None) -> date | None:
    return moment and date(moment.year, moment.month, 1)


def team_at(history: list[dict], owner: str | None, at: datetime) -> str | None:
    held = [
        v for v in history
        if v["owner_key"] == owner and v["valid_from"] <= at and (v["valid_to"] is None or at < v["valid_to"])
    ]  # fmt: skip
    return held[0]["team_key"] if held else None


def expected_reps(con) -> dict:
    """{(month, owner, team): figures} by loops."""
    history = rows(con, "from marts.dim_owners_history")
    probability = dict(con.execute("select stage_key, probability from marts.dim_stages").fetchall())
    deals = [d for d in rows(con, "from marts.dim_deals") if not d["is_deleted"]]
    found: dict = defaultdict(lambda: defaultdict(lambda: Decimal(0)))
    for d in deals:
        born = d["created_at"]
        key = (month_of(born.date()), d["owner_key_at_creation"], team_at(history, d["owner_key_at_creation"], born))
        found[key]["new_deals"] += 1
        if d["outcome"] in ("won", "lost"):
            day = d["close_date"] or d["closed_at"].date()
            owner = d["owner_key_at_close"]
            figures = found[(month_of(day), owner, team_at(history, owner, d["closed_at"]))]
            figures[d["outcome"]] += 1
            is_new = d["deal_type"] == "new_business"
            figures[f"new {d['outcome']}"] += is_new
            if d["outcome"] == "won":
                figures["cycle"] += Decimal((d["closed_at"] - born) / timedelta(days=1))
                figures["new cycle"] += is_new * Decimal((d["closed_at"] - born) / timedelta(days=1))
                if d["currency"] == "EUR":
                    figures["won_amount"] += d["amount_at_close"] or 0
                    if d["amount_at_close"] and d["amount_at_close"] > 0:
                        figures["size"] += d["amount_at_close"]
                        figures["sized"] += 1
                        figures["new size"] += is_new * d["amount_at_close"]
                        figures["new sized"] += is_new
                elif d["amount_at_close"] is not None:
                    figures["unconverted"] += 1
    standing = rows(con, "from marts.fct_pipeline_month_end")
    standing += [d | {"month_end": date(2026, 6, 30)} for d in deals if d["outcome"] == "open"]
    for d in standing:
        next_month = d["month_end"] + timedelta(days=1)
        seen = min(datetime(next_month.year, next_month.month, 1, tzinfo=UTC), NOW) - timedelta(microseconds=1)
        amount, month = d["amount_reporting"] or Decimal(0), month_of(d["month_end"])
        figures = found[(month, d["owner_key"], team_at(history, d["owner_key"], seen))]
        figures["open"] += amount
        figures["weighted"] += round(amount * Decimal(str(probability[d["stage_key"]])), 2)
        if month_of(d["close_date"]) == month:
            figures["due"] += amount
        if month_of(d["close_date"]) == next_month and next_month <= NOW.date():
            opening = team_at(history, d["owner_key"], seen + timedelta(microseconds=1))
            found[(next_month, d["owner_key"], opening)]["opening"] += amount
    return found


def quota_shares(con) -> dict:
    """{(month, owner, team): share of the month}: day by day, by the version that holds at the day's end."""
    shares: dict = defaultdict(float)
    history = rows(con, "from marts.dim_owners_history")
    day, last = date(2025, 1, 1), date(2026, 6, 30)
    while day <= last:
        end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1, microseconds=-1)
        length = ((day.replace(day=28) + timedelta(days=4)).replace(day=1) - day.replace(day=1)).days
        for v in history:
            if v["valid_from"] <= end and (v["valid_to"] is None or end < v["valid_to"]):
                shares[(month_of(day), v["owner_key"], v["team_key"])] += (v["is_active"] or v["is_assumed"]) / length
        day += timedelta(days=1)
    return shares


def test_reps_agree_with_loops(con):
    found, mart = expected_reps(con), rows(con, "from marts.mart_rep_performance_monthly")
    months = {row["month"] for row in mart}
    assert {key for key, figures in found.items() if key[0] in months and any(figures.values())} <= {
        (row["month"], row["owner_key"], row["team_key"]) for row in mart
    }
    assert sum(row["won_count"] for row in mart) > 80
    assert max(months) == date(2026, 6, 1)
    for row in mart:
        f = found[(row["month"], row["owner_key"], row["team_key"])]
        for ours, theirs in (
            ("won_count", "won"), ("lost_count", "lost"), ("won_amount", "won_amount"), ("new_deals", "new_deals"),
            ("unconverted_count", "unconverted"), ("open_amount", "open"), ("due_amount", "due"),
            ("opening_due_amount", "opening"), ("deal_size_n", "sized"), ("new_business_won_count", "new won"),
            ("new_business_lost_count", "new lost"),
        ):  # fmt: skip
            assert row[ours] == f[theirs], (ours, row)
        assert abs(row["crm_weighted_amount"] - f["weighted"]) <= Decimal("0.05"), row
        for ours, new in (("", ""), ("new_business_", "new ")):
            won, sized = f[f"{new}won"], f[f"{new}sized"]
            for name, sum_, n in (
                ("win_rate", won, won + f[f"{new}lost"]),
                ("average_deal_size", f[f"{new}size"], sized),
                ("average_sales_cycle_days", f[f"{new}cycle"], won),
            ):
                assert row[ours + name] == (pytest.approx(float(sum_ / n)) if n else None), (ours + name, row)


def test_quotas_are_of_the_version_and_of_the_days(con):
    by_month: dict = {}
    for line, _level, key, first, last, version, quota, _budget in TARGETS:
        owner = {"Bo": "hubspot:2", "dee": "hubspot:4"}.get(key, key)
        for m in range(24):
            month = date(2025 + m // 12, m % 12 + 1, 1)
            if line not in (4, 6, 7, 8, 9) and date.fromisoformat(first) <= month <= date.fromisoformat(last):
                by_month[(month, owner)] = (float(quota), version and date.fromisoformat(version))
    shares, checked = quota_shares(con), 0
    for row in rows(con, "from marts.mart_rep_performance_monthly"):
        key = (row["month"], row["owner_key"], row["team_key"])
        quota, version = by_month.get(key[:2], (None, None))
        if quota is None or key not in shares:
            assert row["quota"] is None, row
            continue
        checked += 1
        assert float(row["quota"]) == pytest.approx(quota * shares[key], abs=0.0101), row
        assert row["quota_version"] == version, row
        won = float(row["won_amount"])
        assert row["attainment"] == (pytest.approx(won / float(row["quota"])) if row["quota"] else None)
        assert float(row["gap_amount"]) == pytest.approx(float(row["quota"]) - won)
        gap = float(row["gap_amount"])
        assert row["coverage_remaining"] == (pytest.approx(float(row["due_amount"]) / gap) if gap > 0 else None)
    assert checked > 30


def test_teams_of_the_time_and_of_now(con):
    found = con.execute(
        "select team_key, team_now, quota from marts.mart_rep_performance_monthly "
        "where owner_key = 'hubspot:1' and month = '2026-03-01' order by 1"
    ).fetchall()
    # nine whole days with team x; the tenth ends with team y. The newest version of the quota is of 20 February
    assert found == [
        ("hubspot:x", "hubspot:y", Decimal("967.74")), ("hubspot:y", "hubspot:y", Decimal("2365.59")),
    ]  # fmt: skip


def test_lines_that_name_nobody_or_overlap_are_told_and_stop_nothing(con):
    found = con.execute(
        "select source, stream, record_id, reason from meta.rejected_records order by record_id"
    ).fetchall()
    assert found == [
        ("targets.csv", "targets", "line 6", "2026-06: the same period is in line 5"),
        ("targets.csv", "targets", "line 7", "there is no owner Nobody"),
        ("targets.csv", "targets", "line 8", "2 owners are called ann"),
    ]
    assert con.execute(
        "select quota, budget from marts.fct_targets where target_key = 'hubspot:2' and month >= '2026-06-01' "
        "order by month"
    ).fetchall() == [(Decimal(2500), Decimal(10)), (Decimal(1), None)]
    assert con.execute("select distinct quota from marts.fct_targets where level = 'team'").fetchall() == [(50000,)]


# ---- open deals --------------------------------------------------------------------------------------------------
def test_open_deals_agree_with_loops(con):
    deals = {d["deal_key"]: d for d in rows(con, "from marts.dim_deals")}
    stays = {s["deal_key"]: s for s in rows(con, "from marts.fct_stage_transitions") if s["is_current"]}
    told = {d["deal_key"]: d for d in rows(con, "from intermediate.int_deals")}
    p75 = dict(
        con.execute(
            "select stage_key, trailing_12m_p75_days from marts.mart_stage_performance_monthly "
            "where month = '2026-06-01'"
        ).fetchall()
    )
    mart = {row["deal_key"]: row for row in rows(con, "from marts.mart_open_deals")}
    assert mart.keys() == {key for key, d in deals.items() if d["outcome"] == "open" and not d["is_deleted"]}
    seen: set[str] = set()
    for key, row in mart.items():
        deal, days = deals[key], (NOW - stays[key]["entered_at"]) / timedelta(days=1)
        assert row["days_in_stage"] == pytest.approx(days)
        limit = p75[deal["stage_key"]]
        last, planned = told[key]["last_contacted_at"], told[key]["next_activity_at"]
        idle = (NOW - last) / timedelta(days=1) if last and last < NOW else None
        assert row["days_since_activity"] == (idle if idle is None else pytest.approx(idle))
        assert row["has_next_step"] == (planned is not None and planned >= NOW)
        reasons = []
        if limit is not None and days > limit:
            reasons.append(f"stalled: {int(days)} days in the stage")
        if last is None:
            reasons.append("never contacted")
        if idle is not None and idle > 14:
            reasons.append(f"no contact for {int(idle)} days")
        if planned is None or planned < NOW:
            reasons.append("the next step is overdue" if planned else "no next step")
        if deal["close_date"] < NOW.date():
            reasons.append("the close date is past")
        if deal["close_date_pushes"] >= 2:
            reasons.append(f"pushed {deal['close_date_pushes']} times")
        if not deal["amount"] or deal["amount"] < 0:
            reasons.append("no amount")
        if deal["owner_key"] in (None, "hubspot:3"):
            reasons.append("the owner is inactive" if deal["owner_key"] else "no owner")
        assert (row["risk_reasons"] or "") == "; ".join(reasons), row
        seen |= {reason.split(":")[0].rstrip("0123456789 days") for reason in reasons}
    assert len(mart) > 40
    assert len(seen) >= 7, seen
    order = sorted(mart.values(), key=lambda row: row["priority_rank"])
    assert [row["priority_rank"] for row in order] == list(range(1, len(order) + 1))
    weights = [(not row["risk_count"], -(row["crm_weighted_amount"] or Decimal(-(10**9)))) for row in order]
    assert weights == sorted(weights)


# ---- leads -------------------------------------------------------------------------------------------------------
BANDS = (
    (3, "under 3 days"),
    (7, "3 to 7 days"),
    (14, "7 to 14 days"),
    (30, "14 to 30 days"),
    (60, "30 to 60 days"),
    (90, "60 to 90 days"),
    (180, "90 to 180 days"),
    (365, "180 to 365 days"),
)


class Leads:
    """Open leads of any day, as that day could tell them, by loops over the dimensions."""

    def __init__(self, con):
        self.leads = rows(con, "from marts.dim_leads")
        self.stays, self.won = defaultdict(list), {}
        for stay in rows(con, "from marts.fct_lead_transitions"):
            self.stays[stay["lead_key"]].append(stay)
        for won in rows(con, "select lead_key, min(won_at) as at from marts.fct_won_revenue join marts.dim_deals "
                             "using (deal_key) where lead_key is not null group by 1"):  # fmt: skip
            self.won[won["lead_key"]] = won["at"]

    def customer_at(self, lead) -> datetime | None:
        told = [stay["entered_at"] for stay in self.stays[lead["lead_key"]] if stay["to_stage"] == "customer"]
        told += [self.won[lead["lead_key"]]] if lead["lead_key"] in self.won else []
        return min(told, default=None)

    def standing(self, day: datetime) -> list[tuple[dict, tuple[str, str, str]]]:
        """(lead, its source, stage and age then)."""
        found = []
        for lead in self.leads:
            gone = [at for at in (lead["converted_at"], self.customer_at(lead)) if at is not None]
            if lead["created_at"] < day and all(at >= day for at in gone):
                age = (day - lead["created_at"]) / timedelta(days=1)
                stage = [
                    s["to_stage"] for s in self.stays[lead["lead_key"]]
                    if s["entered_at"] < day and (s["exited_at"] is None or s["exited_at"] >= day)
                ]  # fmt: skip
                band = next((name for limit, name in BANDS if age < limit), "over a year")
                found.append((lead, (lead["original_source"] or "unknown", stage[0] if stage else "none", band)))
        return found

    def rate(self, day: datetime):
        """Function of a kind of lead: its rate as `day` could know it."""
        past = []
        for k in range(3, 15):
            then = day - timedelta(days=30 * k)
            for lead, kind in self.standing(then):
                at = self.customer_at(lead)
                past.append((kind, at is not None and at < then + timedelta(days=90)))

        @cache
        def share(*kind: str | None) -> tuple[int, int]:
            fits = [won for known, won in past if all(a in (None, b) for a, b in zip(kind, known, strict=True))]
            return sum(fits), len(fits)

        @cache
        def of(kind: tuple[str, str, str]) -> float:
            won, n = share(None, None, None)

            @cache
            def staged(stage: str, age: str) -> float:
                k, leads = share(None, stage, age)
                return (k + 1) / (leads + n / won)

            likely = sum(staged(*known[1:]) for known, _ in past if known[0] == kind[0])
            expected = min(1, staged(*kind[1:]) * (share(kind[0], None, None)[0] + 5) / (likely + 5))
            k, leads = share(*kind)
            return expected * (k + 5) / (leads * expected + 5)

        return of if past else None


def test_lead_priority_agrees_with_loops(con):
    leads = Leads(con)
    rate, expected = leads.rate(NOW), leads.standing(NOW)
    mart = rows(con, "from marts.mart_lead_priority order by rank")
    assert {row["lead_key"] for row in mart} == {lead["lead_key"] for lead, _ in expected}
    assert len(mart) > 150
    rates = {}
    for lead, kind in expected:
        rates[lead["lead_key"]] = rates.get(kind) or rate(kind)
    for row in mart:
        assert row["rate_90d"] == pytest.approx(rates[row["lead_key"]], abs=1e-8), row
        assert row["drivers"].count(";") == 2, row
    assert [row["rate_90d"] for row in mart] == sorted((row["rate_90d"] for row in mart), reverse=True)
    assert mart[0]["original_source"] == "REFERRALS"
    assert mart[0]["rate_90d"] > 4 * mart[-1]["rate_90d"]


def test_lift_over_newest_first_on_past_days(con):
    days = lift(con, 0.2)
    assert len(days) >= 8
    leads, day = Leads(con), days[-4]
    then = NOW - timedelta(days=30 * day.landmark)
    rate, standing = leads.rate(then), leads.standing(then)
    assert day.leads == len(standing)
    kinds = {kind: rate(kind) for _, kind in standing}
    won = {
        lead["lead_key"] for lead, _ in standing
        if (at := leads.customer_at(lead)) is not None and at < then + timedelta(days=90)
    }  # fmt: skip
    assert day.customers == len(won)
    newest = sorted(standing, key=lambda pair: pair[0]["created_at"], reverse=True)
    ours = sorted(newest, key=lambda pair: -kinds[pair[1]])  # stable: the newest first among equals
    assert day.ours == sum(lead["lead_key"] in won for lead, _ in ours[: day.called])
    assert day.newest == sum(lead["lead_key"] in won for lead, _ in newest[: day.called])
    # this world's sources convert very differently, and the list has to find that
    few = lift(con, 0.05)
    assert sum(day.ours for day in few) > 1.3 * sum(day.newest for day in few)

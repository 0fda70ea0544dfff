"""The forecast's guard is itself audited: each rule is killed by some corruption of tables it otherwise accepts."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatch

import pandas as pd
import pytest

from expectations import gate, open_deals_odds
from expectations.gate import Answer, Facts, Finding, Guard
from ingestion.settings import PROJECT_ROOT
from orchestration.runbooks import FORECAST
from tests.expectations.forecast_tables import tables

GUARDS = {guard.name: guard for guard in gate.guards() if guard.table in FORECAST}
Mutation = Callable[[pd.DataFrame, Facts], "tuple[pd.DataFrame, Facts] | None"]


def broken(guard: Guard, frame: pd.DataFrame, facts: Facts, *only: str) -> dict[str, Finding]:
    return {f.check.split(".")[1]: f for f in gate.validate(guard, frame, facts, only=only) if not f.passed}


def audited(name: str) -> Facts:
    """Facts of the next audit after these tables were accepted."""
    frames, facts = tables()
    return replace(facts[name], history=GUARDS[name].profile(frames[name]))


def which(frame: pd.DataFrame, **values: object) -> pd.Series:
    """The newest rows that have these values."""
    chosen = pd.Series(True, frame.index)
    for column, value in values.items():
        chosen &= frame[column] == value
    if "as_of_month_end" in frame:
        chosen &= frame["as_of_month_end"] == frame["as_of_month_end"][chosen].max()
    return chosen


def put(column: str, value: object, **where: object) -> Mutation:
    """One row's value is another."""

    def mutate(frame: pd.DataFrame, facts: Facts) -> None:
        if value is None:
            frame[column] = frame[column].astype("object")
        frame.loc[which(frame, **where).idxmax(), column] = value

    return mutate


def times(factor: float, *columns: str, **where: object) -> Mutation:
    """All figures that match are too large by a factor."""

    def mutate(frame: pd.DataFrame, facts: Facts) -> None:
        for column in columns:
            frame.loc[which(frame, **where), column] *= factor

    return mutate


def lose(**where: object) -> Mutation:
    """One row is lost."""
    return lambda frame, facts: (frame.drop(index=which(frame, **where).idxmax()), facts)


def twice(frame: pd.DataFrame, facts: Facts) -> tuple[pd.DataFrame, Facts]:
    return pd.concat([frame, frame.iloc[[-1]]], ignore_index=True), facts


def asked(question: str, **row: object) -> Mutation:
    """Another table says something else."""

    def mutate(frame: pd.DataFrame, facts: Facts) -> tuple[pd.DataFrame, Facts]:
        return frame, replace(facts, tables={**facts.tables, question: pd.DataFrame([row])})

    return mutate


def without_newest(frame: pd.DataFrame, facts: Facts) -> tuple[pd.DataFrame, Facts]:
    return frame[frame["as_of_month_end"] < frame["as_of_month_end"].max()], facts


def without_odds(frame: pd.DataFrame, facts: Facts) -> None:
    """A tenth of the open deals have none."""
    frame.loc[frame.index[::10], list(open_deals_odds.ODDS)] = float("nan")


MONEY = ("expected_revenue", "p10", "p50", "p90")
TOTAL = {"component": "total", "segment_type": "all"}
FIGURES: list[tuple[str, Mutation]] = [
    ("key_is_unique", twice),
    ("figures_are_there", put("p50", None)),
    ("components_are_known", put("component", "hoped_for")),
    ("target_follows_horizon", put("horizon_months", 4, horizon_months=3)),
    ("p10_not_above_p50", put("p10", 1e9, component="total")),
    ("p50_not_above_p90", put("p90", -1.0, component="total")),
    ("not_negative", put("p10", -1.0, component="new_business")),
    ("all_components_are_there", lose(component="booked")),
    ("components_add_up", times(1.001, "expected_revenue", **TOTAL)),
    ("pipelines_add_up", times(1.001, "expected_revenue", segment_type="pipeline", segment="p0")),
    ("teams_add_up", lose(segment_type="team", component="total")),
    ("all_months_are_there", lose(segment_type="team", segment="t1", component="new_business")),
    ("usual_size", times(8, "expected_revenue", **TOTAL)),
    ("possible_size", times(100, "expected_revenue", **TOTAL)),
    ("booked_is_won", put("expected_revenue", 20_000.0, component="booked", segment_type="all")),
    ("booked_is_near_won", put("expected_revenue", 9e6, component="booked", segment_type="all")),
]
CASES: dict[str, list[tuple[str, Mutation]]] = {
    "forecast_monthly": [
        *FIGURES,
        ("stays_in_its_interval", times(8, *MONEY, **TOTAL)),
        ("jumps_are_explained", times(8, *MONEY, **TOTAL)),
        ("jump_is_possible", times(100, *MONEY, **TOTAL)),
        ("intervals_hold", put("is_within_calibration", False, **TOTAL)),
        ("newest_vintage_is_there", without_newest),
        ("sources_reach_past_the_month", asked("sources", source="hubspot", is_reached=False)),
        ("counts_are_explained", asked("counts", what="hubspot deals")),
        ("rates_are_there", asked("rates", what="hubspot GBP 2023-11")),
        ("quotas_are_in_force", asked("quotas", what="team t1 2023-12")),
        ("frozen_stays", put("p90", 1e6, frozen_at=pd.Timestamp("2022-02-05"))),
    ],
    "forecast_current": [*FIGURES, ("forecast_is_there", lambda frame, facts: (frame.iloc[:0], facts))],
    "forecast_deal_months": [
        ("nine_months_a_deal", lambda frame, facts: (frame.drop(index=4), facts)),
        ("odds_are_there", put("p_lost", None)),
        ("odds_not_negative", put("p_won", -0.01)),
        ("odds_add_up", times(1.000001, "p_lost")),
        ("deals_add_up", times(1.01, "expected_amount")),
    ],
    "forecast_accuracy_monthly": [
        ("key_is_unique", twice),
        ("rows_are_whole", put("method", "gut_feeling")),
        ("target_follows_horizon", put("horizon_months", 4.0, horizon_months=3)),
        ("target_has_come", put("target_month", pd.Timestamp("2023-12-01"))),
        ("error_is_forecast_less_actual", times(-1, "error", method="funnel")),
        ("losses_not_negative", put("pinball_p90", -5.0, method="funnel")),
        ("intervals_are_judged", put("is_covered", None, method="funnel")),
        ("intervals_are_judged", put("is_covered", None, method="funnel_current")),
        ("simple_methods_are_beside", lose(method="naive")),
        ("one_actual_a_month", put("actual", 1.0, method="naive")),
        ("actual_is_as_published", times(2, "actual", method="funnel")),
    ],
    "actual_revenue_monthly": [
        ("key_is_unique", twice),
        ("pipelines_add_up", put("won_amount_now", 1.0, segment_type="pipeline")),
        ("teams_add_up", lose(segment_type="team")),
        ("all_is_won_revenue", times(100, "won_amount_now")),
        ("restated_is_now_less_closed", times(-1, "restated_amount")),
        ("restated_where_closed", times(float("nan"), "restated_amount")),
        ("closed_month_stays", put("won_amount_at_close_of_month", 7.0, segment_type="all")),
    ],
    "mart_open_deals": [
        ("odds_not_negative", put("push_probability", -0.1)),
        ("odds_not_above_1", times(100, "win_probability_eventual")),
        ("odds_rise_with_time", put("win_probability_60d", 0.0, deal_key="hubspot:1208")),
        ("odds_are_whole", put("win_probability_30d", float("nan"))),
        ("odds_are_there", without_odds),
        ("close_month_is_ahead", put("expected_close_month", pd.Timestamp("2023-11-01"))),
        ("amount_not_negative", put("expected_amount", -1.0)),
    ],
}  # fmt: skip
WARNS = {
    "usual_size", "booked_is_won", "stays_in_its_interval", "intervals_hold",
    "actual_is_as_published", "mart_open_deals.odds_are_there",
}  # fmt: skip
FREEZES = {"sources_reach_past_the_month", "counts_are_explained", "rates_are_there", "quotas_are_in_force"}
EVERY = [(name, rule, mutate) for name, cases in CASES.items() for rule, mutate in cases]


@pytest.mark.parametrize("name", GUARDS)
def test_sound_tables_are_accepted_now_and_by_the_next_audit(name: str) -> None:
    frames, facts = tables()
    for known in (facts[name], audited(name)):
        found = gate.validate(GUARDS[name], frames[name], known)
        assert [str(finding) for finding in found if not finding.passed] == []
    assert {finding.check.split(".")[1] for finding in found} == {rule for rule, _ in CASES[name]}


@pytest.mark.parametrize(("name", "rule", "mutate"), EVERY, ids=[f"{name}.{rule}" for name, rule, _ in EVERY])
def test_corruption_is_found_by_name(name: str, rule: str, mutate: Mutation) -> None:
    frame, facts = tables()[0][name].copy(), audited(name)
    changed, facts = mutate(frame, facts) or (frame, facts)
    finding = broken(GUARDS[name], changed, facts, rule)[rule]
    assert finding.failing_rows or finding.observed
    severity = "warn" if {rule, f"{name}.{rule}"} & WARNS else "freeze" if rule in FREEZES else "refuse"
    assert finding.severity == severity


@pytest.mark.parametrize("name", GUARDS)
def test_with_no_win_ever_empty_tables_are_accepted(name: str) -> None:
    frames, facts = tables()
    nothing = {question: Answer(tuple(told.columns), ()).frame() for question, told in facts[name].tables.items()}
    assert broken(GUARDS[name], frames[name].iloc[:0], replace(facts[name], tables=nothing)) == {}


def raised(by: float, **causes: float) -> tuple[pd.DataFrame, Facts]:
    """January's total of the newest vintage is higher by so many halves of the interval it had; the bridge says what
    it said, and beside it these causes, in the same unit."""
    frame, known = tables()[0]["forecast_monthly"].copy(), audited("forecast_monthly")
    january = (
        (frame["target_month"] == "2024-01-01") & (frame["component"] == "total") & (frame["segment_type"] == "all")
    )
    before = frame[january & (frame["as_of_month_end"] == "2023-10-31")].iloc[0]
    now = which(frame, **TOTAL) & january
    half = before["p90"] - before["p50"]
    told = known.tables["bridge"]
    mine = told["target_month"] == pd.Timestamp("2024-01-01")
    rest = before["p50"] + by * half - frame.loc[now, "expected_revenue"].iloc[0]
    frame.loc[now, list(MONEY)] += rest
    rows = [{"target_month": pd.Timestamp("2024-01-01"), "cause": cause, "amount": part * rest, "deal_key": deal}
            for (cause, part), deal in zip(causes.items(), ("hubspot:7", None), strict=False)]  # fmt: skip
    assert mine.any()
    return frame, replace(known, tables={**known.tables, "bridge": pd.concat([told, pd.DataFrame(rows)])})


JUMPS = ("stays_in_its_interval", "jumps_are_explained")


def test_a_jump_that_the_bridge_does_not_tell_is_refused_until_somebody_accepts_it() -> None:
    frame, facts = raised(3.0)
    found = broken(GUARDS["forecast_monthly"], frame, facts, *JUMPS)
    assert {name: finding.severity for name, finding in found.items()} == {
        "stays_in_its_interval": "warn", "jumps_are_explained": "refuse",
    }  # fmt: skip
    refusal = found["jumps_are_explained"]
    assert (refusal.failing_rows, refusal.is_history) == (1, True)
    assert "target_month 2024-01-01" in str(refusal)
    accepted = replace(facts, history=GUARDS["forecast_monthly"].profile(frame))
    assert set(broken(GUARDS["forecast_monthly"], frame, accepted, *JUMPS)) == {"stays_in_its_interval"}


def test_a_jump_by_a_new_whale_and_a_rate_passes_and_warns_with_its_causes() -> None:
    frame, facts = raised(3.0, new_deals=0.75, fx=0.25)
    found = broken(GUARDS["forecast_monthly"], frame, facts, *JUMPS)
    assert {name: finding.severity for name, finding in found.items()} == {"stays_in_its_interval": "warn"}
    (row,) = found["stays_in_its_interval"].sample
    assert re.match(r"new_deals \+[\d,]+ \(most by hubspot:7\), fx \+[\d,]+, ", row["what"])


def test_a_jump_by_what_the_method_learned_is_refused_and_the_end_of_a_cold_start_is_not() -> None:
    frame, facts = raised(3.0, probabilities=1.0)
    assert set(broken(GUARDS["forecast_monthly"], frame, facts, *JUMPS)) == set(JUMPS)
    few = raised(3.0, new_deals=0.75, probabilities=0.25)
    assert set(broken(GUARDS["forecast_monthly"], *few, *JUMPS)) == {"stays_in_its_interval"}
    frame.loc[frame["as_of_month_end"] == "2023-10-31", "method_version"] = "landmark-1-cold"
    assert set(broken(GUARDS["forecast_monthly"], frame, facts, *JUMPS)) == {"stays_in_its_interval"}


def test_a_first_audit_compares_vintages_and_has_nothing_accepted() -> None:
    frame, facts = tables()[0]["forecast_monthly"].copy(), tables()[1]["forecast_monthly"]
    times(100, *MONEY, **TOTAL)(frame, facts)
    found = broken(GUARDS["forecast_monthly"], frame, facts, *JUMPS, "jump_is_possible")
    assert set(found) == set(JUMPS)


def test_an_upheaval_that_was_accepted_once_is_what_the_next_audit_compares_with() -> None:
    frame, facts = tables()[0]["forecast_monthly"].copy(), audited("forecast_monthly")
    times(100, *MONEY, **TOTAL)(frame, facts)
    rules = ("possible_size", "jump_is_possible", "jumps_are_explained")
    first = broken(GUARDS["forecast_monthly"], frame, facts, *rules)
    assert set(first) == set(rules)
    assert all(finding.is_history for finding in first.values())
    accepted = replace(facts, history=GUARDS["forecast_monthly"].profile(frame))
    assert broken(GUARDS["forecast_monthly"], frame, accepted, *rules) == {}


def test_a_break_of_the_level_is_no_suspect_where_the_last_months_show_it() -> None:
    frame, facts = tables()[0]["forecast_monthly"].copy(), tables()[1]["forecast_monthly"]
    times(8, "expected_revenue", **TOTAL)(frame, facts)
    won = facts.tables["won"].copy()
    won.loc[won.index[-3:], "amount"] *= 8
    lately = replace(facts, tables={**facts.tables, "won": won})
    assert broken(GUARDS["forecast_monthly"], frame, lately, "usual_size") == {}


def test_as_of_a_months_end_the_running_month_is_the_one_that_begins_then() -> None:
    frame, facts = tables()[0]["forecast_current"].copy(), tables()[1]["forecast_current"]
    found = {}
    for day in ("2023-11-30", "2023-11-29", "2023-10-31", "2023-12-31"):
        frame["as_of_date"] = pd.Timestamp(day)
        found[day] = set(broken(GUARDS["forecast_current"], frame, facts, "target_follows_horizon"))
    wrong = {"target_follows_horizon"}
    assert found == {"2023-11-30": set(), "2023-11-29": wrong, "2023-10-31": wrong, "2023-12-31": set()}


def test_a_refusal_names_the_rule_its_meaning_and_the_rows() -> None:
    frame, facts = tables()[0]["forecast_current"].copy(), tables()[1]["forecast_current"]
    put("p10", 1e9, segment="t1", component="total")(frame, facts)
    assert str(broken(GUARDS["forecast_current"], frame, facts)["p10_not_above_p50"]) == (
        "forecast_current.p10_not_above_p50: p10 <= p50 "
        "(1 row: target_month 2023-12-01, component total, segment_type team, segment t1)"
    )


def test_the_forecasts_page_names_every_rule_and_every_table_has_a_guard() -> None:
    assert {guard.table for guard in GUARDS.values()} == FORECAST
    page = (PROJECT_ROOT / "docs" / "runbooks" / "forecast-refused.md").read_text(encoding="utf-8")
    named = re.findall(r"`([a-z0-9_]+\*?)`", page)
    missing = [rule for _, rule, _ in EVERY if not any(fnmatch(rule, name) for name in named)]
    assert missing == []

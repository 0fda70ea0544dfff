"""The audit is itself audited: each named rule is killed by some mutation of a table it otherwise accepts."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date
from functools import cache

import pandas as pd
import pytest

from expectations import gate, pipeline_month_end, sales_kpis_monthly
from expectations.gate import Facts, Finding, Guard

GUARDS = (pipeline_month_end.GUARD, sales_kpis_monthly.GUARD)
"""Those of the forecast are in test_forecast_guard.py."""
FACTS = Facts(last_complete_month=date(2026, 3, 1))
MONTHS = pd.date_range("2025-04-01", "2026-03-01", freq="MS")


def month_end_table() -> pd.DataFrame:
    """Twelve month ends, 30 long-lived deals and 10 new ones each month (gone after two)."""
    rows = []
    for number, month in enumerate(MONTHS):
        end = month + pd.offsets.MonthEnd(0)
        for deal in range(30):
            rows.append((end, f"hubspot:{deal}", "s1", "proposal", 1000.0 + deal, 10 + 31 * number))
        for deal in range(10 * number, 10 * number + 20):
            rows.append((end, f"hubspot:{1000 + deal}", "s2", "meeting", 500.0, 5))
    frame = pd.DataFrame(rows, columns=["month_end", "deal_key", "stage", "stage_category", "amount", "days_in_stage"])
    frame["pipeline_key"] = "hubspot:default"
    frame["stage_key"] = "hubspot:default:" + frame.pop("stage")
    frame["age_days"] = frame["days_in_stage"] + 3
    frame["amount_reporting"] = frame["amount"] * 0.9
    frame["currency"] = "USD"
    frame["close_date_pushes"] = 1
    return frame


def kpis_table() -> pd.DataFrame:
    """Thirteen months (the running one included) of two pipelines and their roll-up."""
    rows = []
    for month in pd.date_range("2025-04-01", "2026-04-01", freq="MS"):
        for pipeline, factor in (("hubspot:a", 1), ("hubspot:b", 2), ("all", 3)):
            won, lost = 20 * factor, 30 * factor
            rate, n = won / (won + lost), won + lost
            rows.append(
                {
                    "month": month, "pipeline_key": pipeline, "is_rollup": pipeline == "all",
                    "is_complete_month": month < pd.Timestamp("2026-04-01"),
                    "new_leads": 100 if pipeline == "all" else None,
                    "lead_to_deal_rate": 0.2 if pipeline == "all" else None,
                    "new_deals": 55 * factor, "won_count": won, "lost_count": lost, "void_count": 1 * factor,
                    "won_amount": 20_000.0 * factor, "won_amount_positive": 20_000.0 * factor,
                    "deal_size_n": won, "lost_amount": 30_000.0 * factor,
                    "win_rate": rate, "win_rate_n": n, "win_rate_low": rate - 0.1, "win_rate_high": rate + 0.1,
                    "win_rate_value": 0.4, "win_loss_ratio": won / lost, "average_deal_size": 1000.0,
                    "median_deal_size": 900.0, "zero_amount_won_count": 0, "average_sales_cycle_days": 60.0,
                    "median_sales_cycle_days": 50.0, "km_sales_cycle_days": 70.0, "open_opportunities": 90 * factor,
                    "open_amount": 90_000.0 * factor, "weighted_amount": None, "crm_weighted_amount": 40_000.0 * factor,
                    "pipeline_velocity_per_day": 100.0 * factor,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


@cache
def accepted(guard: Guard) -> pd.DataFrame:
    return month_end_table() if guard is pipeline_month_end.GUARD else kpis_table()


def refusals(guard: Guard, frame: pd.DataFrame, facts: Facts = FACTS, *only: str) -> dict[str, Finding]:
    return {f.check.split(".")[1]: f for f in gate.validate(guard, frame, facts, only=only) if not f.passed}


def history(guard: Guard) -> Facts:
    return Facts(FACTS.last_complete_month, guard.profile(accepted(guard)))


Mutation = Callable[[pd.DataFrame], pd.DataFrame | None]


def put(column: str, value: object, where: slice = slice(20, 21)) -> Mutation:
    def mutate(frame: pd.DataFrame) -> None:
        frame[column] = frame[column].astype("object")
        frame.iloc[where, frame.columns.get_loc(column)] = value
        if not any(isinstance(v, str) for v in frame[column]):
            frame[column] = frame[column].infer_objects()

    return mutate


def times(column: str, factor: float, where: str | None = None) -> Mutation:
    def mutate(frame: pd.DataFrame) -> None:
        rows = slice(None) if where is None else frame["month" if "month" in frame else "month_end"] == where
        frame[column] = frame[column].astype("float64")
        frame.loc[rows, column] *= factor

    return mutate


def drop(month: str) -> Mutation:
    return lambda frame: frame[frame["month" if "month" in frame else "month_end"] != month]


def doubled(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame, frame.iloc[[7]]], ignore_index=True)


def halved(frame: pd.DataFrame) -> pd.DataFrame:
    """Nine tenths of one month's rows are lost."""
    lost = frame.index[frame["month_end"] == "2025-12-31"][5:]
    return frame.drop(lost)


def fivefold(frame: pd.DataFrame) -> pd.DataFrame:
    """A month with six times its deals, as if a join had fanned out over new keys."""
    copies = [frame[frame["month_end"] == "2025-12-31"].assign(deal_key=lambda f, n=n: f["deal_key"] + f"x{n}")
              for n in range(5)]  # fmt: skip
    return pd.concat([frame, *copies], ignore_index=True)


MONTH_END: list[tuple[str, Mutation]] = [
    ("key_is_unique", doubled),
    ("month_end_is_present", put("month_end", pd.NaT)),
    ("deal_key_is_present", put("deal_key", None)),
    ("pipeline_key_is_present", put("pipeline_key", None)),
    ("stage_key_is_present", put("stage_key", None)),
    ("stage_category_is_present", put("stage_category", None)),
    ("stage_category_is_open", put("stage_category", "won")),
    ("deal_key_names_source", put("deal_key", "4711")),
    ("currency_is_a_code", put("currency", "euro")),
    ("month_end_is_last_day", put("month_end", pd.Timestamp("2025-05-30"))),
    ("month_is_complete", put("month_end", pd.Timestamp("2026-04-30"))),
    ("stage_belongs_to_pipeline", put("stage_key", "hubspot:other:s1")),
    ("nothing_is_converted_from_nothing", put("amount", math.nan)),
    ("days_in_stage_not_negative", put("days_in_stage", -1)),
    ("age_not_negative", put("age_days", -1, slice(0, 40))),
    ("pushes_not_negative", put("close_date_pushes", -1)),
    ("amounts_mostly_not_negative", times("amount", -1)),
    ("months_are_dense", drop("2025-09-30")),
    ("months_are_dense", drop("2025-04-30")),
    ("last_month_is_there", drop("2026-03-31")),
    ("deals_change_in_bounds", halved),
    ("deals_change_in_bounds", fivefold),
    ("amount_level_in_bounds", times("amount_reporting", 100, "2025-12-31")),
]
MONTH_END_HISTORY: list[tuple[str, Mutation]] = [
    ("deals_as_last_audited", halved),
    ("amount_as_last_audited", times("amount_reporting", 100)),
    ("no_month_has_vanished", drop("2025-04-30")),
]
KPIS: list[tuple[str, Mutation]] = [
    ("key_is_unique", doubled),
    *((f"{c}_is_present", put(c, None if c != "month" else pd.NaT))
      for c in ("month", "pipeline_key", "new_deals", "won_count", "lost_count", "is_complete_month")),
    *((f"{c}_in_0_1", times(c, 100)) for c in sales_kpis_monthly.RATES),
    *((f"{c}_not_negative", put(c, -1.0)) for c in sales_kpis_monthly.COUNTS + sales_kpis_monthly.CYCLES),
    ("win_rate_n_is_won_plus_lost", times("win_rate_n", 100)),
    ("win_rate_is_won_over_closed", times("won_count", 100)),
    ("win_loss_ratio_is_won_over_lost", times("lost_count", 100)),
    ("win_rate_above_its_low", put("win_rate_low", 0.9)),
    ("win_rate_below_its_high", put("win_rate_high", 0.1)),
    ("won_amount_is_positive_less_credits", times("won_amount", 100)),
    ("deal_size_fits_won_amount", times("won_amount_positive", 100)),
    ("deal_size_fits_won_amount", times("average_deal_size", 100)),
    ("weighted_not_above_open", times("crm_weighted_amount", 100)),
    ("win_rate_null_when_nothing_closed", put("win_rate", math.nan)),
    ("month_is_first_day", put("month", pd.Timestamp("2025-05-02"))),
    ("complete_months_are_flagged", put("is_complete_month", True, slice(38, 39))),
    ("rollup_is_flagged", put("is_rollup", False, slice(38, 39))),
    ("months_are_dense", drop("2025-09-01")),
    ("pipelines_end_together", lambda f: f.drop(index=36)),
    ("last_month_is_there", lambda f: f[f["month"] < "2026-03-01"]),
    ("rollup_is_there", lambda f: f[f["pipeline_key"] != "all"]),
    ("deal_size_level_in_bounds", times("median_deal_size", 100, "2025-12-01")),
    *((f"{c}_adds_up", put(c, 7.0, slice(10, 11))) for c in sales_kpis_monthly.ADDITIVE),
]  # fmt: skip
KPIS_HISTORY: list[tuple[str, Mutation]] = [
    ("won_as_last_audited", times("won_count", 100)),
    ("new_deals_as_last_audited", times("new_deals", 100)),
    ("deal_size_as_last_audited", times("median_deal_size", 100)),
    ("no_month_has_vanished", drop("2025-04-01")),
]
CASES = [
    *((pipeline_month_end.GUARD, False, *case) for case in MONTH_END),
    *((pipeline_month_end.GUARD, True, *case) for case in MONTH_END_HISTORY),
    *((sales_kpis_monthly.GUARD, False, *case) for case in KPIS),
    *((sales_kpis_monthly.GUARD, True, *case) for case in KPIS_HISTORY),
]


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_sound_table_is_accepted(guard: Guard) -> None:
    assert refusals(guard, accepted(guard)) == {}
    assert refusals(guard, accepted(guard), history(guard)) == {}


@pytest.mark.parametrize(
    ("guard", "with_history", "name", "mutate"), CASES, ids=lambda v: v if isinstance(v, str) else ""
)
def test_mutation_is_refused_by_name(guard: Guard, with_history: bool, name: str, mutate: Mutation) -> None:
    frame = accepted(guard).copy(deep=True)
    changed = mutate(frame)
    found = refusals(guard, frame if changed is None else changed, history(guard) if with_history else FACTS, name)
    assert name in found
    assert found[name].failing_rows or found[name].observed


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_replay_of_the_past_is_not_a_vanished_month(guard: Guard) -> None:
    frame = accepted(guard)
    column = "month" if "month" in frame else "month_end"
    past = frame[frame[column] < "2026-01-01"]
    if "is_complete_month" in past:
        past = past.assign(is_complete_month=past[column] < "2025-12-01")
    facts = Facts(date(2025, 11 if column == "month" else 12, 1), history(guard).history)
    assert refusals(guard, past, facts) == {}


def test_every_rule_is_killed_by_some_mutation() -> None:
    killed = {(guard.name, name) for guard, _, name, _ in CASES}
    declared = {
        tuple(finding.check.split(".")) for guard in GUARDS for finding in gate.validate(guard, accepted(guard), FACTS)
    }
    assert declared == killed


def test_refusal_names_rule_meaning_and_keys() -> None:
    frame = accepted(pipeline_month_end.GUARD).copy(deep=True)
    frame.loc[3, "days_in_stage"] = -4
    text = str(refusals(pipeline_month_end.GUARD, frame)["days_in_stage_not_negative"])
    assert text == (
        "fct_pipeline_month_end.days_in_stage_not_negative: a stay does not begin after the month end "
        "(1 row: month_end 2025-04-30, deal_key hubspot:3)"
    )


def test_missing_column_is_a_finding_not_a_crash() -> None:
    frame = accepted(sales_kpis_monthly.GUARD).drop(columns="km_sales_cycle_days")
    found = refusals(sales_kpis_monthly.GUARD, frame)
    assert "km_sales_cycle_days" in found["km_sales_cycle_days_not_negative"].observed


def test_data_docs_are_written(tmp_path) -> None:
    gate.validate(sales_kpis_monthly.GUARD, accepted(sales_kpis_monthly.GUARD), FACTS, tmp_path)
    assert (tmp_path / "index.html").exists()
    assert list((tmp_path / "validations").rglob("*.html"))


def test_fingerprint_moves_with_the_rules(monkeypatch) -> None:
    before = pipeline_month_end.GUARD.fingerprint()
    assert before != sales_kpis_monthly.GUARD.fingerprint()
    assert before == pipeline_month_end.GUARD.fingerprint()

"""Suite of marts.mart_sales_kpis_monthly: the monthly figures by pipeline and in all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expectations import parts
from expectations.gate import Facts, Guard, View, rule

if TYPE_CHECKING:
    import pandas as pd

KEY = ("month", "pipeline_key")
RATES = ("win_rate", "win_rate_low", "win_rate_high", "win_rate_value", "lead_to_deal_rate")
COUNTS = (
    "new_leads", "new_deals", "won_count", "lost_count", "void_count", "win_rate_n", "zero_amount_won_count",
    "open_opportunities",
)  # fmt: skip
CYCLES = ("average_sales_cycle_days", "median_sales_cycle_days", "km_sales_cycle_days")
ADDITIVE = ("new_deals", "won_count", "lost_count", "void_count", "open_opportunities", "won_amount", "open_amount")
"""What the pipelines' rows add up to in the row `all`."""


def rows(frame: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """The table with the identities its columns must satisfy as derived columns."""
    import pandas as pd

    out = frame.copy()
    out["month"] = pd.to_datetime(out["month"])
    won, lost = _number(out, "won_count"), _number(out, "lost_count")
    closed = won + lost
    out["_n_gap"] = (_number(out, "win_rate_n") - closed).abs()
    out["_win_rate_gap"] = (_number(out, "win_rate") - won / closed.where(closed > 0)).abs()
    out["_win_loss_gap"] = (_number(out, "win_loss_ratio") - won / lost.where(lost > 0)).abs()
    out["_rate_where_closed"] = out["win_rate"].notna() == (closed > 0)
    out["_below_rate"] = _number(out, "win_rate") - _number(out, "win_rate_low")
    out["_above_rate"] = _number(out, "win_rate_high") - _number(out, "win_rate")
    sized = _number(out, "average_deal_size") * _number(out, "deal_size_n")
    positive = _number(out, "won_amount_positive")
    out["_size_ratio"] = (sized / positive).where((sized > 0) & (positive > 0))
    out["_won_excess"] = _number(out, "won_amount") - positive
    out["_weighted_excess"] = _number(out, "crm_weighted_amount").abs() - _number(out, "open_amount").abs()
    out["_weighted_excess"] = out["_weighted_excess"].where(_number(out, "open_amount") > 0)
    out["_first_of_month"] = out["month"].isna() | (out["month"].dt.day == 1)
    out["_complete_flag"] = out["month"].isna() | (
        out["is_complete_month"].astype("boolean").fillna(False) == (out["month"] <= _last_month(facts))
    )
    out["_rollup_flag"] = out["is_rollup"].astype("boolean").fillna(False) == (out["pipeline_key"] == "all")
    return out


def row_rules(frame: pd.DataFrame, facts: Facts) -> list[Any]:
    return [
        parts.unique(KEY),
        *parts.present(["month", "pipeline_key", "new_deals", "won_count", "lost_count", "is_complete_month"]),
        *(parts.between(c, f"{c}_in_0_1", "a rate lies in [0, 1]", 0, 1) for c in RATES),
        *(parts.between(c, f"{c}_not_negative", "a count is never negative", 0) for c in COUNTS),
        *(parts.between(c, f"{c}_not_negative", "a duration is never negative", 0) for c in CYCLES),
        parts.between("_n_gap", "win_rate_n_is_won_plus_lost", "win_rate_n counts won and lost deals", None, 0),
        parts.between("_win_rate_gap", "win_rate_is_won_over_closed", "win_rate = won / (won + lost)", None, 1e-9),
        parts.between("_win_loss_gap", "win_loss_ratio_is_won_over_lost", "win_loss_ratio = won / lost", None, 1e-9),
        parts.between("_below_rate", "win_rate_above_its_low", "the interval's low is not above the rate", -1e-12),
        parts.between("_above_rate", "win_rate_below_its_high", "the interval's high is not below the rate", -1e-12),
        parts.between("_size_ratio", "deal_size_fits_won_amount",
                      "average size × its deals is won_amount_positive, up to exchange rates", 0.2, 5),
        parts.between("_won_excess", "won_amount_is_positive_less_credits",
                      "won_amount is won_amount_positive less credits", None, 0.01),
        parts.between("_weighted_excess", "weighted_not_above_open", "a weighted amount is at most the open one", None,
                      0.01, mostly=0.9),
        parts.holds("_rate_where_closed", "win_rate_null_when_nothing_closed", "no denominator, no rate (never 0)"),
        parts.holds("_first_of_month", "month_is_first_day", "month is the first day of a month"),
        parts.holds("_complete_flag", "complete_months_are_flagged", "is_complete_month holds for months before as-of"),
        parts.holds("_rollup_flag", "rollup_is_flagged", "is_rollup marks the row `all`, and no other"),
    ]  # fmt: skip


def months(frame: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """The same rows in order of time within each pipeline, compared with neighbours, roll-up and last audit."""
    import pandas as pd

    out = frame.dropna(subset=list(KEY)).copy()
    out["month"] = pd.to_datetime(out["month"])
    out = out.sort_values(["pipeline_key", "month"]).reset_index(drop=True)
    index = out["month"].dt.year * 12 + out["month"].dt.month
    out["_step"] = index.groupby(out["pipeline_key"]).diff().astype("float64")
    out["_months_behind"] = (index.max() - index.groupby(out["pipeline_key"]).transform("max")).astype("float64")
    size, won = _number(out, "median_deal_size"), _number(out, "won_count")
    sized = _number(out, "deal_size_n")  # a median of a few deals may be anything
    level = pd.Series(index=out.index, dtype="float64")
    for _, part in out.groupby("pipeline_key"):
        level[part.index] = parts.ratio_to_neighbours(size[part.index], sized[part.index] >= 10)
    out["_size_level"] = level
    is_all = out["pipeline_key"] == "all"
    for name in ADDITIVE:
        value = _number(out, name)
        total = value.where(~is_all, 0).groupby(out["month"]).transform("sum")
        out[f"_rollup_{name}"] = (value - total).abs().where(is_all & value.notna())
    out["won"], out["created"], out["median_size"] = won, _number(out, "new_deals"), size
    for name, least in (("won", 20), ("created", 20), ("median_size", 1)):
        out[f"_{name}_vs_last_audit"] = parts.ratio_to_history(out, "pipeline_key", name, facts.history, least)
    out["_median_size_vs_last_audit"] = out["_median_size_vs_last_audit"].where(sized >= 10)
    return out


def month_rules(frame: pd.DataFrame, facts: Facts) -> list[Any]:
    import great_expectations.expectations as gxe

    gone = parts.vanished(frame, "pipeline_key", "created", facts)
    last = _last_month(facts)
    return [
        parts.between("_step", "months_are_dense", "a pipeline has a row for every month, also where nothing happened",
                      1, 1),
        parts.between("_months_behind", "pipelines_end_together", "every pipeline has the newest month", 0, 0),
        gxe.ExpectColumnMaxToBeBetween(
            column="month", min_value=last,
            meta=rule("last_month_is_there", f"the month before as-of, {last:%Y-%m}, has its rows")),
        gxe.ExpectColumnDistinctValuesToContainSet(
            column="pipeline_key", value_set=["all"], meta=rule("rollup_is_there", "the row `all` exists")),
        parts.between("_size_level", "deal_size_level_in_bounds",
                      "the median deal size stays within a factor of 20 of the months around it",
                      1 / parts.LEVEL, parts.LEVEL),
        *(parts.between(f"_rollup_{name}", f"{name}_adds_up", "the pipelines add up to the row `all`", None, 0.5)
          for name in ADDITIVE),
        parts.between("_won_vs_last_audit", "won_as_last_audited",
                      "a past month keeps half to twice the won deals of the last audit", 0.5, 2, history=True),
        parts.between("_created_vs_last_audit", "new_deals_as_last_audited",
                      "a past month keeps half to twice the new deals of the last audit", 0.5, 2, history=True),
        parts.between("_median_size_vs_last_audit", "deal_size_as_last_audited",
                      "a past month's median deal size is a fifth to five times that of the last audit", 0.2, 5,
                      history=True),
        gxe.ExpectTableRowCountToBeBetween(
            min_value=1 if not gone else len(frame) + len(gone),
            meta=rule("no_month_has_vanished", f"months seen by the last audit are still there: {', '.join(gone[:6])}"
                      if gone else "there are rows", history=bool(gone))),
    ]  # fmt: skip


def profile(frame: pd.DataFrame) -> dict[str, dict[str, float]]:
    """{"<pipeline>|<month>": {won, created, median_size}} of complete months, for the next audit."""
    import pandas as pd

    complete = frame[frame["is_complete_month"].astype("boolean").fillna(False)].copy()
    complete["month"] = pd.to_datetime(complete["month"])
    keys = parts.history_key(complete, "pipeline_key")
    measures = {"won": "won_count", "created": "new_deals", "median_size": "median_deal_size"}
    values = {name: _number(complete, column).fillna(0).abs() for name, column in measures.items()}
    return {key: {name: float(values[name].iloc[at]) for name in measures} for at, key in enumerate(keys)}


def _number(frame: pd.DataFrame, name: str) -> pd.Series:
    return frame[name].astype("float64")


def _last_month(facts: Facts) -> pd.Timestamp:
    import pandas as pd

    return pd.Timestamp(facts.last_complete_month)


GUARD = Guard(
    table="marts.mart_sales_kpis_monthly",
    key=KEY,
    views=(View("rows", KEY, rows, row_rules), View("months", KEY, months, month_rules)),
    profile=profile,
)

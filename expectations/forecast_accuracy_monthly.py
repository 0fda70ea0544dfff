"""Suite of marts.forecast_accuracy_monthly: what was said against what came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expectations import figures, parts, thresholds
from expectations.gate import Facts, Guard, View

if TYPE_CHECKING:
    import pandas as pd

KEY = ("as_of_month_end", "target_month", "component", "segment_type", "segment", "method")
SIMPLE = ("naive", "mean_3m", "mean_6m", "mean_12m", "seasonal_naive", "weighted_pipeline", "close_rate")
METHODS = ("funnel", "funnel_current", *SIMPLE, "crm_commit", "management")
ASKS = {
    "actual": """select month, won_amount_now::double as amount from marts.actual_revenue_monthly
        where segment_type = 'all' order by 1""",
}


def rows(frame: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """The table with what its rows must satisfy as derived columns."""
    import pandas as pd

    out = frame.copy()
    number = figures.month_number(out["target_month"])
    out["_step"] = number - figures.month_number(out["as_of_month_end"]) - out["horizon_months"].astype("float64")
    last = pd.Timestamp(facts.last_complete_month)
    out["_beyond"] = number - (last.year * 12 + last.month)
    said, came = out["forecast"].astype("float64"), out["actual"].astype("float64")
    out["_error_gap"] = (out["error"].astype("float64") - (said - came)).abs()
    out["_is_known"] = out["method"].isin(METHODS) & said.notna() & came.notna()
    losses = out[["pinball_p10", "pinball_p50", "pinball_p90"]].astype("float64")
    out["_loss"] = losses.min(axis=1)
    out["_is_judged"] = ~out["method"].isin(("funnel", "funnel_current")) | (
        losses.notna().all(axis=1) & out["is_covered"].notna()
    )
    mine = (out["segment_type"] == "all") & (out["component"] == "total")
    place = [out["as_of_month_end"], out["target_month"]]
    beside = (
        out["method"].isin(("funnel", *SIMPLE)).where(mine, False).astype("float64").groupby(place).transform("sum")
    )
    out["_has_rivals"] = (beside == 1 + len(SIMPLE)).where(mine & (out["method"] == "funnel"), True)
    total = came.where(mine)
    out["_actual_spread"] = total.groupby(place).transform("max") - total.groupby(place).transform("min")
    return out


def row_rules(frame: pd.DataFrame, facts: Facts) -> list[Any]:
    return [
        parts.unique(KEY),
        parts.holds("_is_known", "rows_are_whole", "every row has a method of the contract, a forecast and an actual"),
        parts.between("_step", "target_follows_horizon", "target_month is horizon_months after the vintage", 0, 0),
        parts.between("_beyond", "target_has_come", "only months that are complete are judged", None, 0),
        parts.between("_error_gap", "error_is_forecast_less_actual", "error = forecast - actual", None,
                      thresholds.CENTS.value),
        parts.between("_loss", "losses_not_negative", "a pinball loss is not negative", -thresholds.CENTS.value),
        parts.holds("_is_judged", "intervals_are_judged", "every figure of funnel's says whether its interval held"),
        parts.holds("_has_rivals", "simple_methods_are_beside", "beside a total of funnel's is each simple method"),
        parts.between("_actual_spread", "one_actual_a_month", "all methods are judged against one actual", None,
                      thresholds.CENTS.value),
    ]  # fmt: skip


def months(frame: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """One row a target month: what the company's total is judged against, over what actual_revenue_monthly says."""
    import pandas as pd

    mine = frame[(frame["segment_type"] == "all") & (frame["component"] == "total") & (frame["method"] == "funnel")]
    out = mine.groupby("target_month", as_index=False)["actual"].max()
    known = facts.tables["actual"]
    amounts = pd.Series(known["amount"].astype("float64").to_numpy(), figures.month_number(known["month"]).to_numpy())
    now = figures.month_number(out["target_month"]).map(amounts).fillna(0)
    out["_apart"] = ((out["actual"].astype("float64") - now).abs() / now).where(now > 0)
    return out


def month_rules(frame: pd.DataFrame, facts: Facts) -> list[Any]:
    return [parts.between("_apart", "actual_is_as_published", "a month is judged by what actual_revenue_monthly has",
                          None, thresholds.ACTUAL.value, severity="warn")]  # fmt: skip


GUARD = Guard(
    table="marts.forecast_accuracy_monthly",
    key=KEY,
    views=(View("rows", KEY, rows, row_rules), View("months", ("target_month",), months, month_rules)),
    profile=lambda frame: {},
    asks=ASKS,
)

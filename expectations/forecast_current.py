"""Suite of marts.forecast_current: the running month and the nine after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expectations import figures
from expectations.gate import Facts, Guard, View

if TYPE_CHECKING:
    import pandas as pd

KEY = ("target_month", "component", "segment_type", "segment")
ASKS = {
    "won": figures.WON,
    "booked": """select won_month, sum(amount_reporting)::double as amount from marts.fct_won_revenue
        where not is_reversed group by 1 order by 1""",
}


def rows(frame: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """As of a month's end, the running month is the one that begins then, a month after the date of the day before."""
    import pandas as pd

    out = figures.rows(frame, "as_of_date", 0, 9)
    ends = pd.to_datetime(out["as_of_date"]).dt.is_month_end
    if (out.loc[ends, "_step"] == 1).all():
        out.loc[ends, "_step"] = 0.0
    return out


def row_rules(frame: pd.DataFrame, facts: Facts) -> list[Any]:
    return figures.row_rules(KEY, "the running month and nine more")


def months(frame: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """The company's total, one row a target month, against what was won. The running month is no whole one: no band."""
    import pandas as pd

    last = pd.Timestamp(facts.last_complete_month)
    out = figures.against_won(frame, facts, float(last.year * 12 + last.month))
    whole = out["horizon_months"].astype("float64") > 0
    out["ratio"], out["size"] = out["ratio"].where(whole), out["size"].where(whole)
    return out


def month_rules(frame: pd.DataFrame, facts: Facts) -> list[Any]:
    import great_expectations.expectations as gxe

    from expectations.gate import rule

    won = int(facts.tables["won"]["wins"].sum())
    there = gxe.ExpectTableRowCountToBeBetween(
        min_value=1 if won else 0, meta=rule("forecast_is_there", f"{won} wins are known, so that there is a forecast")
    )
    return [*figures.band_rules(), there]


GUARD = Guard(
    table="marts.forecast_current",
    key=KEY,
    views=(View("rows", KEY, rows, row_rules), View("months", ("target_month",), months, month_rules)),
    profile=lambda frame: figures.totals(frame, "as_of_date"),
    asks=ASKS,
)

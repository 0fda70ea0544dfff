"""Suite of marts.actual_revenue_monthly: won revenue by month and segment, as closed and as of now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expectations import figures, parts, thresholds
from expectations.gate import Facts, Guard, View

if TYPE_CHECKING:
    import pandas as pd

KEY = ("month", "segment_type", "segment")
ASKS = {
    "won": """select won_month, coalesce(sum(amount_reporting), 0)::double as amount from marts.fct_won_revenue
        where not is_reversed group by 1 order by 1""",
}


def rows(frame: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """The table with gaps between its figures; those of sums stand in the company's rows."""
    import pandas as pd

    out = frame.copy()
    number = figures.month_number(out["month"])
    now, closed = (out[name].astype("float64") for name in ("won_amount_now", "won_amount_at_close_of_month"))
    company = out["segment_type"] == "all"
    for kind in figures.KINDS:
        mine = now.where(out["segment_type"] == kind).groupby(number).transform("sum")
        out[f"_{kind}_gap"] = (now - mine).abs().where(company)
    won = facts.tables["won"]
    amounts = pd.Series(won["amount"].astype("float64").to_numpy(), figures.month_number(won["won_month"]).to_numpy())
    out["_won_gap"] = (now - number.map(amounts).fillna(0)).abs().where(company)
    out["_restated_gap"] = (out["restated_amount"].astype("float64") - (now - closed)).abs()
    out["_is_restated"] = out["restated_amount"].notna() == closed.notna()
    then = pd.Series([facts.history.get(key, {}).get("closed") for key in _keys(out)], out.index, dtype="float64")
    out["_closed_change"] = (closed.fillna(float("inf")) - then).abs()
    return out


def row_rules(frame: pd.DataFrame, facts: Facts) -> list[Any]:
    cents = thresholds.CENTS.value
    return [
        parts.unique(KEY),
        parts.between("_pipeline_gap", "pipelines_add_up", "the pipelines add up to the company", None, cents),
        parts.between("_team_gap", "teams_add_up", "the teams add up to the company", None, cents),
        parts.between("_won_gap", "all_is_won_revenue", "a month's amount is that of fct_won_revenue", None, cents),
        parts.between("_restated_gap", "restated_is_now_less_closed", "restated = now - as closed", None, cents),
        parts.holds("_is_restated", "restated_where_closed", "closed months, and no others, have a restatement"),
        parts.between("_closed_change", "closed_month_stays", "what a month was closed with stays", None, cents),
    ]  # fmt: skip


def _keys(frame: pd.DataFrame) -> list[str]:
    import pandas as pd

    months = pd.to_datetime(frame["month"]).dt.strftime("%Y-%m")
    named = zip(frame["segment_type"], frame["segment"], months, strict=True)
    return [f"{kind} {str(segment).replace('|', '/')}|{month}" for kind, segment, month in named]


def profile(frame: pd.DataFrame) -> dict[str, dict[str, float]]:
    """{"<segment type> <segment>|<month>": {closed}} of months that were closed."""
    closed = frame[frame["won_amount_at_close_of_month"].notna()]
    amounts = closed["won_amount_at_close_of_month"].astype("float64")
    return {key: {"closed": float(amount)} for key, amount in zip(_keys(closed), amounts, strict=True)}


GUARD = Guard(
    table="marts.actual_revenue_monthly",
    key=KEY,
    views=(View("rows", KEY, rows, row_rules),),
    profile=profile,
    asks=ASKS,
)

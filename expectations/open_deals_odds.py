"""Suite of the odds in marts.mart_open_deals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expectations import figures, parts, thresholds
from expectations.gate import Facts, Guard, View

if TYPE_CHECKING:
    import pandas as pd

KEY = ("deal_key",)
ODDS = ("win_probability_30d", "win_probability_60d", "win_probability_90d", "win_probability_eventual")
COLUMNS = (*KEY, *ODDS, "push_probability", "expected_amount", "expected_close_month", "amount_reporting")


def rows(frame: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """One row a deal: its odds, and what they must satisfy."""
    import pandas as pd

    out = frame.copy()
    odds = out[list(ODDS)].astype("float64")
    every = odds.assign(push=out["push_probability"].astype("float64"))
    out["_least"], out["_most"] = every.min(axis=1), every.max(axis=1)
    out["_rise"] = odds.diff(axis=1).min(axis=1)
    out["_is_all_or_none"] = odds.notna().all(axis=1) | odds.isna().all(axis=1)
    out["_no_odds"] = odds.isna().all(axis=1).astype("float64") if odds.notna().any(axis=None) else float("nan")
    last = pd.Timestamp(facts.last_complete_month)
    out["_months_ahead"] = figures.month_number(out["expected_close_month"]) - (last.year * 12 + last.month)
    amount = out["expected_amount"].astype("float64")
    out["_amount"] = amount.where(out["amount_reporting"].astype("float64").fillna(0) >= 0)
    return out


def row_rules(frame: pd.DataFrame, facts: Facts) -> list[Any]:
    hair = thresholds.ODDS.value
    return [
        parts.between("_least", "odds_not_negative", "odds are not negative", 0),
        parts.between("_most", "odds_not_above_1", "odds are at most 1", None, 1 + hair),
        parts.between("_rise", "odds_rise_with_time", "odds within 30, 60, 90 days and ever do not fall", -hair),
        parts.holds("_is_all_or_none", "odds_are_whole", "a deal has all of its odds or none"),
        parts.between("_no_odds", "odds_are_there", "99 of 100 open deals have odds, once there is a forecast",
                      None, 0, mostly=thresholds.NO_ODDS.value, severity="warn"),
        parts.between("_months_ahead", "close_month_is_ahead", "the likeliest month is the running one or later", 1),
        parts.between("_amount", "amount_not_negative", "what a deal with an amount will bring is not negative", 0),
    ]  # fmt: skip


GUARD = Guard(
    table="marts.mart_open_deals",
    key=KEY,
    views=(View("rows", KEY, rows, row_rules),),
    profile=lambda frame: {},
    columns=COLUMNS,
)

"""Suite of marts.forecast_deal_months: odds of each deal by month."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expectations import figures, parts, thresholds
from expectations.gate import Facts, Guard, View

if TYPE_CHECKING:
    import pandas as pd

KEY = ("deal_key", "target_month")
ASKS = {
    "open": """select target_month, expected_revenue::double as amount from marts.forecast_monthly
        where component = 'open_pipeline' and segment_type = 'all'
            and as_of_month_end = (select max(as_of_month_end) from marts.forecast_monthly) order by 1""",
}


def deals(frame: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """One row a deal: its months, and what its odds add up to (540,000 rows of odds are 60,000 of these)."""
    import pandas as pd

    odds = pd.DataFrame({name: frame[name].astype("float64") for name in ("p_won", "p_lost", "p_open")})
    ahead = figures.month_number(frame["target_month"]) - figures.month_number(frame["as_of_month_end"])
    work = pd.DataFrame(
        {
            "deal_key": frame["deal_key"], "ahead": ahead, "closed": odds["p_won"] + odds["p_lost"],
            "least": odds.min(axis=1, skipna=False), "amount": frame["expected_amount"].astype("float64"),
            "open": odds["p_open"],
        }
    )  # fmt: skip
    group = work.groupby("deal_key", sort=False, dropna=False)
    out = group.agg(
        rows=("ahead", "size"), months=("ahead", "nunique"), first=("ahead", "min"), last=("ahead", "max"),
        closed=("closed", "sum"), least=("least", "min"), still=("open", "min"), known=("least", "count"),
        amounts=("amount", "count"), least_amount=("amount", "min"),
    ).reset_index()  # fmt: skip
    out["_is_series"] = (out["rows"] == 9) & (out["months"] == 9) & (out["first"] == 1) & (out["last"] == 9)
    out["_is_whole"] = (out["known"] == out["rows"]) & (out["amounts"] == out["rows"])
    out["_odds_gap"] = (out["closed"] + out["still"] - 1).abs()
    return out


def deal_rules(frame: pd.DataFrame, facts: Facts) -> list[Any]:
    odds = thresholds.ODDS.value
    return [
        parts.holds("_is_series", "nine_months_a_deal", "every deal has each of the nine months ahead, once"),
        parts.holds("_is_whole", "odds_are_there", "every row has odds and an amount"),
        parts.between("least", "odds_not_negative", "odds are not negative", -odds),
        parts.between("_odds_gap", "odds_add_up", "a deal's odds of winning, losing and staying open add up to 1", None,
                      odds),
    ]  # fmt: skip


def months(frame: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """One row a month: the deals' expected amounts against open_pipeline of forecast_monthly."""
    here = frame["expected_amount"].astype("float64").groupby(figures.month_number(frame["target_month"]))
    out = facts.tables["open"].copy()
    number = figures.month_number(out["target_month"])
    allowed = thresholds.CENT_A_ROW.value * (number.map(here.size()).fillna(0) + 1)
    gap = (out["amount"].astype("float64") - number.map(here.sum()).fillna(0)).abs()
    out["_gap"] = (gap - allowed).clip(lower=0)
    return out


def month_rules(frame: pd.DataFrame, facts: Facts) -> list[Any]:
    return [
        parts.between("_gap", "deals_add_up", "the deals' amounts add up to open_pipeline of forecast_monthly", None, 0)
    ]


GUARD = Guard(
    table="marts.forecast_deal_months",
    key=KEY,
    views=(View("deals", ("deal_key",), deals, deal_rules), View("months", ("target_month",), months, month_rules)),
    profile=lambda frame: {},
    asks=ASKS,
)

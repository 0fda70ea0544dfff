"""Suite of marts.fct_pipeline_month_end: deals open at each month's last instant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expectations import parts
from expectations.gate import Facts, Guard, View, rule

if TYPE_CHECKING:
    import pandas as pd

OPEN_CATEGORIES = [
    "prospecting", "qualification", "meeting", "proposal", "negotiation", "closing", "fulfilment", "unknown",
]  # fmt: skip
KEY = ("month_end", "deal_key")


def rows(frame: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """One row a deal and month end, with what the rules below need beside the columns."""
    import pandas as pd

    out = frame.copy()
    out["month_end"] = pd.to_datetime(out["month_end"])
    out["_month_end_is_last_day"] = out["month_end"].isna() | out["month_end"].dt.is_month_end
    out["_month_is_complete"] = out["month_end"].isna() | (out["month_end"] <= _last_month_end(facts))
    stage, pipeline = out["stage_key"].fillna(""), out["pipeline_key"].fillna("")
    out["_stage_of_pipeline"] = [s.startswith(f"{p}:") for s, p in zip(stage, pipeline, strict=True)]
    out["_amount_where_converted"] = out["amount"].notna() | out["amount_reporting"].isna()
    return out


def row_rules(frame: pd.DataFrame, facts: Facts) -> list[Any]:
    import great_expectations.expectations as gxe

    return [
        parts.unique(KEY),
        *parts.present(["month_end", "deal_key", "pipeline_key", "stage_key", "stage_category"]),
        gxe.ExpectColumnValuesToBeInSet(
            column="stage_category",
            value_set=OPEN_CATEGORIES,
            meta=rule("stage_category_is_open", "a deal listed as open is in a stage of an open category"),
        ),
        gxe.ExpectColumnValuesToMatchRegex(
            column="deal_key", regex="^[^:]+:.+", meta=rule("deal_key_names_source", "a key reads <source>:<id>")
        ),
        gxe.ExpectColumnValuesToMatchRegex(
            column="currency", regex="^[A-Z]{3}$", meta=rule("currency_is_a_code", "a currency is three letters")
        ),
        parts.holds("_month_end_is_last_day", "month_end_is_last_day", "month_end is the last day of its month"),
        parts.holds("_month_is_complete", "month_is_complete", "no month end lies at or after the as-of instant"),
        parts.holds("_stage_of_pipeline", "stage_belongs_to_pipeline", "the stage is one of the deal's pipeline"),
        parts.holds("_amount_where_converted", "nothing_is_converted_from_nothing", "no amount, no converted amount"),
        parts.between("days_in_stage", "days_in_stage_not_negative", "a stay does not begin after the month end", 0),
        parts.between("age_days", "age_not_negative", "a deal is older than its month end (2 % typed dates)", 0,
                      mostly=0.98),
        parts.between("close_date_pushes", "pushes_not_negative", "pushes are counted from 0", 0),
        parts.between("amount", "amounts_mostly_not_negative", "at most one amount in ten is a credit", 0, mostly=0.9),
    ]  # fmt: skip


def months(frame: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """One row a source and month: deals, their median amount (a mean follows every whale), and how that compares."""
    import pandas as pd

    base = frame.dropna(subset=list(KEY)).copy()
    base["month_end"] = pd.to_datetime(base["month_end"])
    base["source"] = base["deal_key"].str.split(":").str[0]
    base["_amount"] = base["amount_reporting"].astype("float64").abs()
    previous = base["month_end"] - pd.offsets.MonthEnd(1)
    base["_long_stay"] = base["days_in_stage"].astype("float64") > (base["month_end"] - previous).dt.days + 1
    known = set(zip(base["month_end"], base["deal_key"], base["stage_key"], strict=True))
    there = [key in known for key in zip(previous, base["deal_key"], base["stage_key"], strict=True)]
    base["_orphan"] = base["_long_stay"] & ~pd.Series(there, index=base.index, dtype=bool)
    base["_priced"] = base["_amount"].notna()
    out = (
        base.groupby(["source", "month_end"], as_index=False)
        .agg(deals=("deal_key", "size"), median_amount=("_amount", "median"), priced=("_priced", "sum"),
             long_stays=("_long_stay", "sum"), orphans=("_orphan", "sum"))
        .sort_values(["source", "month_end"])
        .rename(columns={"month_end": "month"})
    )  # fmt: skip
    out["orphan_share"] = (out["orphans"] / out["long_stays"]).where(out["long_stays"] >= 3)
    out["deals_spike"] = parts.spike(out, "source", "deals", 50)
    out["amount_level"] = out.groupby("source", group_keys=False)[["median_amount", "priced"]].apply(
        lambda part: parts.ratio_to_neighbours(part["median_amount"], part["priced"] >= 10).to_frame("level")
    )["level"] if len(out) else pd.Series(dtype="float64")  # fmt: skip
    out["deals_vs_last_audit"] = parts.ratio_to_history(out, "source", "deals", facts.history, 20)
    out["amount_vs_last_audit"] = parts.ratio_to_history(out, "source", "median_amount", facts.history, 1)
    out["amount_vs_last_audit"] = out["amount_vs_last_audit"].where(out["deals"] >= 10)
    return out.reset_index(drop=True)


def month_rules(frame: pd.DataFrame, facts: Facts) -> list[Any]:
    import great_expectations.expectations as gxe

    gone = parts.vanished(frame, "source", "deals", facts)
    rules = [
        parts.between("orphan_share", "months_are_dense",
                      "a deal that stayed in its stage all month is listed at the month end before, too", None, 0.5),
        parts.between("deals_spike", "deals_change_in_bounds",
                      "no month has fewer than a fifth or more than five times the open deals of the months around it",
                      0.2, 5, history=True),
        parts.between("amount_level", "amount_level_in_bounds",
                      "the median open amount stays within a factor of 20 of the months around it",
                      1 / parts.LEVEL, parts.LEVEL),
        parts.between("deals_vs_last_audit", "deals_as_last_audited",
                      "a past month end keeps half to twice the deals of the last audit", 0.5, 2, history=True),
        parts.between("amount_vs_last_audit", "amount_as_last_audited",
                      "a past month end's median amount is a fifth to five times that of the last audit", 0.2, 5,
                      history=True),
        gxe.ExpectTableRowCountToBeBetween(
            min_value=0 if not gone else len(frame) + len(gone),
            meta=rule("no_month_has_vanished", f"months seen by the last audit are still there: {', '.join(gone[:6])}"
                      if gone else "months seen by the last audit are still there", history=True)),
    ]  # fmt: skip
    newest = frame[frame["month"] == frame["month"].max()]
    if newest["deals"].sum() >= 3:  # a portal in which nothing is open any longer has no newest month
        last = _last_month_end(facts)
        rules.append(
            gxe.ExpectColumnMaxToBeBetween(
                column="month", min_value=last, max_value=last,
                meta=rule("last_month_is_there", f"the newest month end is {last:%Y-%m-%d}, the last before as-of"),
            )
        )  # fmt: skip
    return rules


def profile(frame: pd.DataFrame) -> dict[str, dict[str, float]]:
    """{"<source>|<month>": {deals, median_amount}} for the next audit."""
    view = months(frame, Facts(frame["month_end"].max()))
    keys = parts.history_key(view, "source")
    return {
        key: {"deals": float(deals), "median_amount": float(amount)}
        for key, deals, amount in zip(keys, view["deals"], view["median_amount"].fillna(0), strict=True)
    }


def _last_month_end(facts: Facts) -> pd.Timestamp:
    import pandas as pd

    return pd.Timestamp(facts.last_complete_month) + pd.offsets.MonthEnd(0)


GUARD = Guard(
    table="marts.fct_pipeline_month_end",
    key=KEY,
    views=(
        View("rows", KEY, rows, row_rules),
        View("months", ("source", "month"), months, month_rules),
    ),
    profile=profile,
)

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
PRESENT = ["month_end", "deal_key", "pipeline_key", "stage_key", "stage_category"]
KEY_READS, CURRENCY_READS = "^[^:]+:.+", "^[A-Z]{3}$"
NEGATIVE_AGES, NEGATIVE_AMOUNTS = 0.02, 0.1
SHOWN = 1000
"""Rows that Data Docs describe though nothing is wrong with them."""


def rows(frame: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """Every row that looks wrong to any of the rules below, and the first ones, with what the rules need beside the
    columns: Great Expectations takes a minute for what is millions of sound rows, columns as numbers a second."""
    import numpy as np
    import pandas as pd

    deal, keys = pd.factorize(frame["deal_key"])
    ends = pd.to_datetime(frame["month_end"])
    month, days = pd.factorize(ends)
    days = pd.DatetimeIndex(days)
    out = frame.assign(month_end=ends)
    # each distinct value is judged once; what is null (code -1) is judged by its own rule
    out["_month_end_is_last_day"] = np.append(days.is_month_end, True)[month]
    out["_month_is_complete"] = np.append(days <= _last_month_end(facts), True)[month]
    out["_stage_of_pipeline"] = _belongs(frame["stage_key"], frame["pipeline_key"])
    out["_amount_where_converted"] = out["amount"].notna() | out["amount_reporting"].isna()
    out["_age_days"] = _where_many_negative(out["age_days"], NEGATIVE_AGES)
    out["_amount"] = _where_many_negative(out["amount"], NEGATIVE_AMOUNTS)
    names_source = np.append(pd.Series(keys, dtype="object").str.match(KEY_READS).fillna(False).astype(bool), False)
    sound = out[["_month_end_is_last_day", "_month_is_complete", "_stage_of_pipeline", "_amount_where_converted"]]
    wrong = ~sound.all(axis=1) | frame[PRESENT].isna().any(axis=1) | ~names_source[deal]
    wrong |= ~frame["stage_category"].isin(OPEN_CATEGORIES) | (out["_age_days"] < 0) | (out["_amount"] < 0)
    currency, codes = pd.factorize(frame["currency"])
    wrong |= ~np.append(pd.Series(codes, dtype="object").str.match(CURRENCY_READS).fillna(False).astype(bool), True)[
        currency
    ]
    wrong |= (frame["days_in_stage"].astype("float64") < 0) | (frame["close_date_pushes"].astype("float64") < 0)
    wrong |= pd.Series(month * (len(keys) + 1) + deal, frame.index).duplicated(keep=False)
    wrong.iloc[:SHOWN] = True
    return out[wrong]


def _belongs(stage: pd.Series, pipeline: pd.Series) -> Any:
    """Whether each stage's key begins with its pipeline's."""
    import numpy as np
    import pandas as pd

    (stage_code, stages), (pipeline_code, pipelines) = (pd.factorize(x.fillna("")) for x in (stage, pipeline))
    pair, row = np.unique(stage_code * len(pipelines) + pipeline_code, return_inverse=True)
    found = [str(stages[p // len(pipelines)]).startswith(f"{pipelines[p % len(pipelines)]}:") for p in pair]
    return np.array(found, dtype=bool)[row]


def _where_many_negative(values: pd.Series, share: float) -> pd.Series:
    """The values where more than that share of those known are negative, else nothing to object to."""
    import numpy as np

    numbers = values.astype("float64")
    many = (numbers < 0).sum() > share * numbers.notna().sum()
    return numbers if many else numbers.where(numbers >= 0, np.nan)


def row_rules(frame: pd.DataFrame, facts: Facts) -> list[Any]:
    import great_expectations.expectations as gxe

    return [
        parts.unique(KEY),
        *parts.present(PRESENT),
        gxe.ExpectColumnValuesToBeInSet(
            column="stage_category",
            value_set=OPEN_CATEGORIES,
            meta=rule("stage_category_is_open", "a deal listed as open is in a stage of an open category"),
        ),
        gxe.ExpectColumnValuesToMatchRegex(
            column="deal_key", regex=KEY_READS, meta=rule("deal_key_names_source", "a key reads <source>:<id>")
        ),
        gxe.ExpectColumnValuesToMatchRegex(
            column="currency", regex=CURRENCY_READS, meta=rule("currency_is_a_code", "a currency is three letters")
        ),
        parts.holds("_month_end_is_last_day", "month_end_is_last_day", "month_end is the last day of its month"),
        parts.holds("_month_is_complete", "month_is_complete", "no month end lies at or after the as-of instant"),
        parts.holds("_stage_of_pipeline", "stage_belongs_to_pipeline", "the stage is one of the deal's pipeline"),
        parts.holds("_amount_where_converted", "nothing_is_converted_from_nothing", "no amount, no converted amount"),
        parts.between("days_in_stage", "days_in_stage_not_negative", "a stay does not begin after the month end", 0),
        parts.between("_age_days", "age_not_negative", "a deal is older than its month end (2 % typed dates)", 0),
        parts.between("close_date_pushes", "pushes_not_negative", "pushes are counted from 0", 0),
        parts.between("_amount", "amounts_mostly_not_negative", "at most one amount in ten is a credit", 0),
    ]  # fmt: skip


def months(frame: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """One row a source and month: deals, their median amount (a mean follows every whale), and how that compares."""
    import numpy as np
    import pandas as pd

    columns = [*KEY, "stage_key", "amount_reporting", "days_in_stage"]
    whole = frame.loc[frame["deal_key"].notna() & frame["month_end"].notna(), columns]
    (deal, keys), (stage, stages) = (pd.factorize(whole[name]) for name in ("deal_key", "stage_key"))
    ends = pd.to_datetime(whole["month_end"])
    amount, days = (whole[name].astype("float64") for name in ("amount_reporting", "days_in_stage"))
    source, sources = pd.factorize(pd.Series(keys, dtype="object").str.split(":").str[0])
    base = pd.DataFrame({"source": source[deal], "month_end": ends, "_amount": amount.abs()}, index=whole.index)
    base["_long_stay"] = days > ends.dt.days_in_month + 1
    place = (ends.dt.year * 12 + ends.dt.month).to_numpy(dtype="int64") * len(keys) + deal
    there = np.isin((place - len(keys)) * (len(stages) + 1) + stage, place * (len(stages) + 1) + stage)
    base["_orphan"] = base["_long_stay"] & ~there
    base["_priced"] = base["_amount"].notna()
    out = (
        base.groupby(["source", "month_end"], as_index=False)
        .agg(deals=("_priced", "size"), median_amount=("_amount", "median"), priced=("_priced", "sum"),
             long_stays=("_long_stay", "sum"), orphans=("_orphan", "sum"))
        .assign(source=lambda counted: pd.Series(sources, dtype="object")[counted["source"]].to_numpy())
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
    columns=(*PRESENT, "currency", "amount", "amount_reporting", "days_in_stage", "age_days", "close_date_pushes"),
)

"""Expectations and derived columns that several guarded tables share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from expectations.gate import Facts, Severity, rule

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 20.0
"""A month's average may differ from its neighbours' median by this factor: beyond trade, below a slipped ×100."""


def unique(key: Sequence[str]) -> Any:
    import great_expectations.expectations as gxe

    return gxe.ExpectCompoundColumnsToBeUnique(
        column_list=list(key), meta=rule("key_is_unique", f"one row for each {' and '.join(key)}")
    )


def present(columns: Sequence[str]) -> list[Any]:
    import great_expectations.expectations as gxe

    return [
        gxe.ExpectColumnValuesToNotBeNull(column=name, meta=rule(f"{name}_is_present", f"every row has a {name}"))
        for name in columns
    ]


def between(column: str, name: str, meaning: str, low: float | None, high: float | None = None, **more: Any) -> Any:
    """Values within [low, high], nulls left out; `mostly`, `history` and `severity` (see Severity) may be given."""
    import great_expectations.expectations as gxe

    about = rule(name, meaning, history=more.pop("history", False), severity=more.pop("severity", "refuse"))
    more["severity"] = "critical" if about["severity"] == "refuse" else "warning"
    return gxe.ExpectColumnValuesToBeBetween(column=column, min_value=low, max_value=high, meta=about, **more)


def holds(column: str, name: str, meaning: str, severity: Severity = "refuse") -> Any:
    """A derived boolean column is true in every row, nulls left out."""
    import great_expectations.expectations as gxe

    more: Any = {"severity": "critical" if severity == "refuse" else "warning"}
    return gxe.ExpectColumnValuesToBeInSet(
        column=column, value_set=[True], meta=rule(name, meaning, severity=severity), **more
    )


def ratio_to_neighbours(values: pd.Series, enough: pd.Series) -> pd.Series:
    """Each value over the median of the three before and after it in its own order; null where there is too little."""
    neighbours = values.where(enough).rolling(7, center=True, min_periods=4).median()
    return (values / neighbours).where(enough & (neighbours > 0))


def spike(frame: pd.DataFrame, segment: str, measure: str, at_least: float) -> pd.Series:
    """Each month's measure over that of the neighbour it is nearer to; null where all are smaller than `at_least`.

    A young pipeline grows and a clean-up empties it: a month between a smaller and a larger one is 1, and the first
    month is null. What both neighbours contradict in the same direction is a spike; the last has one neighbour only.
    """
    import numpy as np

    here = frame[measure].astype("float64").clip(lower=1)
    before, after = (frame.groupby(segment)[measure].shift(n).astype("float64").clip(lower=1) for n in (1, -1))
    to_before, to_after = np.log(here / before), np.log(here / after)
    nearer = to_before.where((to_before.abs() <= to_after.abs()) | to_after.isna(), to_after)
    nearer = nearer.mask(to_before * to_after < 0, 0.0).where(to_before.notna())
    return np.exp(nearer).where(here.combine(before, max).combine(after, max) >= at_least)


def ratio_to_history(
    frame: pd.DataFrame,
    segment: str,
    measure: str,
    history: Mapping[str, Mapping[str, float]],
    at_least: float,
) -> pd.Series:
    """Each month's measure over what the last accepted audit saw; null where that is unknown or both are small."""
    before = history_key(frame, segment).map(lambda key: history.get(key, {}).get(measure)).astype("float64")
    now = frame[measure].astype("float64")
    return (now / before).where((before > 0) & (now.combine(before, max) >= at_least))


def vanished(frame: pd.DataFrame, segment: str, measure: str, facts: Facts) -> list[str]:
    """Months up to as-of that the last accepted audit saw with a measure of 20 or more and that are gone."""
    there, last = set(history_key(frame, segment)), f"{facts.last_complete_month:%Y-%m}"
    return sorted(
        key
        for key, seen in facts.history.items()
        if seen.get(measure, 0) >= 20 and key not in there and key.split("|")[1] <= last
    )


def history_key(frame: pd.DataFrame, segment: str) -> pd.Series:
    return frame[segment].astype("string") + "|" + frame["month"].dt.strftime("%Y-%m")

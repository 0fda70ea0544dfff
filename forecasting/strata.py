"""Strata of the month-end panel, from coarse to fine, as dense integer codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.histories import NO_MONTH, Floats, Ints
from forecasting.spells import Panel

AGE_CUTS = np.array([15.0, 45.0, 90.0, 180.0])
"""Days in stage: 0-15-45-90-180 and longer."""
AMOUNT_SHARES = (33.0, 67.0, 90.0)
"""Amount groups are cut at these percentiles of the positive amounts known when the model is fitted."""
AGES, AMOUNTS, DUES = 5, 5, 12
ORDERS = (("age", "amount", "due"), ("due", "age", "amount"))
"""The two refinements below the stage that are tried; where expected close dates are true the second wins by far,
where they are pushed month by month the first."""
MAX_STRATA = 400_000


@dataclass(frozen=True)
class Levels:
    """codes: one array a level, each as long as the panel part; sizes: number of strata of each level;
    parents: for each level, the stratum of the level before for each of its strata."""

    codes: list[Ints]
    sizes: list[int]
    parents: list[Ints]


def amount_cuts(amounts: Floats) -> Floats:
    """The three cuts between amount groups; zeros where no amount is positive."""
    positive = amounts[amounts > 0]
    return np.percentile(positive, AMOUNT_SHARES) if len(positive) else np.zeros(3)


def amount_group(amounts: Floats, cuts: Floats) -> Ints:
    """0 … 3 by size, 4 where the amount is unknown or zero."""
    known = np.nan_to_num(amounts)
    return np.where(known > 0, np.searchsorted(cuts, known, side="right"), 4)


def due_group(due: Ints) -> Ints:
    """0 overdue (or due in the month that ends), 1 … 9 months ahead, 10 later, 11 no expected close date."""
    return np.where(due == NO_MONTH, 11, np.clip(due, 0, 10))


def levels(panel: Panel, rows: slice, cuts: Floats, order: tuple[str, ...], stages: int, segments: int) -> Levels:
    """Everything, stage, then the three parts in the given order, then the segment where there are several."""
    parts = {
        "age": (np.searchsorted(AGE_CUTS, panel.days[rows], side="right"), AGES),
        "amount": (amount_group(panel.amount[rows], cuts), AMOUNTS),
        "due": (due_group(panel.due[rows]), DUES),
        "segment": (panel.segment[rows], segments),
    }
    codes = [np.zeros(rows.stop - rows.start, dtype=np.int64), panel.stage[rows]]
    sizes = [1, stages]
    parents = [np.zeros(1, dtype=np.int64), np.zeros(stages, dtype=np.int64)]
    for name in (*order, "segment"):
        part, size = parts[name]
        if size == 1 or sizes[-1] * size > MAX_STRATA:
            continue
        codes.append(codes[-1] * size + part)
        parents.append(np.repeat(np.arange(sizes[-1]), size))
        sizes.append(sizes[-1] * size)
    return Levels(codes, sizes, parents)

"""Strata of the month-end panel: cells by stage, age, amount, due month and segment, and orders that refine them."""

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
class Cells:
    """Finest strata in use. cell: (rows) which of them each panel row is in; parts: name → (cells) the cell's own code
    of each part, in the order stage, age, amount, due, segment (a part that would make too many cells is left out)."""

    cell: Ints
    parts: dict[str, Ints]

    def __len__(self) -> int:
        return len(self.parts["stage"])

    def levels(self, order: tuple[str, ...]) -> list[Ints]:
        """From coarse to fine, the stratum of each cell: everything, stage, the parts in that order, the segment."""
        found = [np.zeros(len(self), dtype=np.int64), _dense(self.parts["stage"])]
        for name in (*order, "segment"):
            if name in self.parts:
                part = self.parts[name]
                found.append(_dense(found[-1] * (int(part.max(initial=0)) + 1) + part))
        return found


@dataclass(frozen=True)
class Fixed:
    """What no fit changes: sizes of the parts kept, and of each panel row its cell without the amount group."""

    sizes: dict[str, int]
    base: Ints


def fixed_parts(panel: Panel, stages: int, segments: int) -> Fixed:
    """Codes of all parts but the amount, once for a panel. A part is kept while there are at most MAX_STRATA cells."""
    possible = {"stage": stages, "age": AGES, "amount": AMOUNTS, "due": DUES, "segment": segments}
    sizes: dict[str, int] = {}
    cells = 1
    for name, size in possible.items():
        if name == "stage" or (size > 1 and cells * size <= MAX_STRATA):
            sizes[name], cells = size, cells * size
    base = panel.stage.copy()
    if "age" in sizes:
        base = base * AGES + np.searchsorted(AGE_CUTS, panel.days, side="right")
    if "due" in sizes:
        base = base * DUES + due_group(panel.due)
    if "segment" in sizes:
        base = base * segments + panel.segment
    return Fixed(sizes, base)


def cells_of(fixed: Fixed, rows: slice, amounts: Floats, cuts: Floats) -> Cells:
    """The cells of the panel rows `rows`; amounts: of those rows."""
    sizes = {name: size for name, size in fixed.sizes.items() if name != "amount"}
    code = fixed.base[rows]
    if "amount" in fixed.sizes:
        code, sizes = code * AMOUNTS + amount_group(amounts, cuts), sizes | {"amount": AMOUNTS}
    used = np.zeros(int(np.prod(list(sizes.values()))), dtype=bool)
    used[code] = True
    finest = np.flatnonzero(used)
    position = np.zeros(len(used), dtype=np.int64)
    position[finest] = np.arange(len(finest))
    parts = dict(zip(sizes, np.unravel_index(finest, tuple(sizes.values())), strict=True))
    return Cells(position[code], {name: np.asarray(parts[name]) for name in fixed.sizes})


def _dense(codes: Ints) -> Ints:
    return np.unique(codes, return_inverse=True)[1]


def amount_cuts(amounts: Floats) -> Floats:
    """The three cuts between amount groups; zeros where no amount is positive."""
    positive = amounts[amounts > 0]
    return np.percentile(positive, AMOUNT_SHARES) if len(positive) else np.zeros(3)


def amount_group(amounts: Floats, cuts: Floats) -> Ints:
    """0 … 3 by size, 4 where the amount is unknown or zero."""
    group = (amounts >= cuts[0]).astype(np.int64)
    for cut in cuts[1:]:
        group += amounts >= cut
    group[~(amounts > 0)] = 4
    return group


def due_group(due: Ints) -> Ints:
    """0 overdue (or due in the month that ends), 1 … 9 months ahead, 10 later, 11 no expected close date."""
    return np.where(due == NO_MONTH, 11, np.clip(due, 0, 10))

"""One set of histories, prepared once: spells, month-end panel, counts by month. Nothing in it is learned.

Everything that is learned is learned as of a month and sees only what happened through that month, so that a study
of the whole data asked as of T gives what a study of the data cut at T gives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from forecasting.hazards import HORIZONS, endings
from forecasting.histories import NEVER, WON, Bools, Histories, Ints, month_of
from forecasting.spells import Panel, Spells, first_won_month, panel_of, spells_of, under
from forecasting.strata import Fixed, fixed_parts

Kept = TypeVar("Kept")


@dataclass(frozen=True)
class Study:
    """histories, spells, panel; stages: number of stage codes; end, kind: of the spell of each panel row;
    first_won: first month with a win; last_month: last month the panel covers; memo: results by function and month."""

    histories: Histories
    spells: Spells
    panel: Panel
    end: Ints
    kind: Ints
    stages: int
    first_won: int
    last_month: int
    memo: dict[tuple[Any, ...], Any] = field(default_factory=dict, repr=False, compare=False)

    def kept(self, key: tuple[Any, ...], make: Callable[[], Kept]) -> Kept:
        """What `make` gives, made once. key: names it, with all that it depends on but the study."""
        if key not in self.memo:
            self.memo[key] = make()
        found: Kept = self.memo[key]
        return found

    def landmarks(self, as_of: int) -> slice:
        """Panel rows to learn from: month ends before as_of, none before the first month with a win."""
        low = np.searchsorted(self.panel.month, min(self.first_won, as_of))
        return slice(int(low), int(np.searchsorted(self.panel.month, as_of)))

    def open_at(self, as_of: int) -> slice:
        """Panel rows of the deals open at the last instant of month as_of."""
        low, high = np.searchsorted(self.panel.month, [as_of, as_of + 1])
        return slice(int(low), int(high))

    def landmarks_since(self, as_of: int, month: int) -> slice:
        """Of the landmarks those of `month` and later ones."""
        learned = self.landmarks(as_of)
        return slice(max(learned.start, int(np.searchsorted(self.panel.month, month))), learned.stop)

    def won_next(self, rows: slice) -> Bools:
        """Which of these panel rows were won in the month after theirs."""
        won: Bools = (self.end[rows] == self.panel.month[rows] + 1) & (self.kind[rows] == WON)
        return won

    def endings_at(self, as_of: int) -> Ints:
        """How each landmark went (see hazards.endings), followed up through as_of, 9 months at most."""
        learned = self.landmarks(as_of)
        found = self._endings[learned].copy()
        young = self.landmarks_since(as_of, as_of - HORIZONS + 1)
        month = self.panel.month[young]
        found[young.start - learned.start :] = endings(month, self.end[young], self.kind[young], as_of - month)
        return found

    @cached_property
    def _endings(self) -> Ints:
        return endings(self.panel.month, self.end, self.kind, HORIZONS)

    @cached_property
    def fixed(self) -> Fixed:
        """Cells of the panel, but for the amount groups."""
        return fixed_parts(self.panel, self.stages, len(self.histories.segments))

    @cached_property
    def won_rows(self) -> Ints:
        """Panel rows won within 9 months."""
        return np.flatnonzero((self.kind == WON) & (self.end - self.panel.month <= HORIZONS))

    @cached_property
    def wins(self) -> Spells:
        """The won spells alone, in the same order."""
        return self.spells.those(self.spells.end_kind == WON)

    @cached_property
    def row_months(self) -> Ints:
        """Month of each row of the histories."""
        return month_of(self.histories.at)

    @cached_property
    def started(self) -> tuple[int, Ints]:
        """The first month in which a spell started, and how many started in it and each month after it."""
        first = int(self.spells.start.min()) if len(self.spells) else 0
        return first, np.bincount(self.spells.start - first, minlength=1)


def regrouped(s: Study, histories: Histories) -> Study:
    """The study of the same rows under other segments, without reckoning the rest anew."""
    panel = replace(s.panel, segment=histories.segment[s.panel.row])
    return replace(s, histories=histories, spells=under(s.spells, histories), panel=panel, memo={})


def study(histories: Histories, last_month: int) -> Study:
    """Spells and month ends of the histories through `last_month`; what happens later is in no figure."""
    spells, member = spells_of(histories)
    panel = panel_of(histories, member, last_month)
    kept_stages = int(histories.stage.max()) + 1 if len(histories) else 1
    return Study(
        histories, spells, panel, spells.end[panel.spell], spells.end_kind[panel.spell],
        kept_stages, first_won_month(spells), last_month,
    )  # fmt: skip


def wins_known(s: Study, as_of: int) -> int:
    """Number of spells won through month as_of."""
    return int(((s.spells.end_kind == WON) & (s.spells.end <= as_of)).sum())


def closed_known(s: Study, as_of: int) -> int:
    """Number of spells won or lost through month as_of."""
    return int((s.spells.end <= as_of).sum())


def months_of_wins(s: Study, as_of: int) -> int:
    """Months from the first win through as_of; 0 where nothing was won by then."""
    return 0 if s.first_won == NEVER else max(0, as_of - s.first_won + 1)

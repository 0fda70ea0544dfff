"""One set of histories, prepared once: spells, month-end panel, counts by month. Nothing in it is learned.

Everything that is learned is learned as of a month and sees only what happened through that month, so that a study
of the whole data asked as of T gives what a study of the data cut at T gives.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from forecasting.histories import NEVER, WON, Histories, Ints, month_of
from forecasting.spells import Panel, Spells, first_won_month, panel_of, spells_of


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
    memo: dict[tuple[str, int], Any] = field(default_factory=dict, repr=False, compare=False)

    def landmarks(self, as_of: int) -> slice:
        """Panel rows to learn from: month ends before as_of, none before the first month with a win."""
        low = np.searchsorted(self.panel.month, min(self.first_won, as_of))
        return slice(int(low), int(np.searchsorted(self.panel.month, as_of)))

    def open_at(self, as_of: int) -> slice:
        """Panel rows of the deals open at the last instant of month as_of."""
        low, high = np.searchsorted(self.panel.month, [as_of, as_of + 1])
        return slice(int(low), int(high))


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


def first_month(s: Study) -> int:
    """Month of the first row."""
    return int(month_of(s.histories.at[:1])[0]) if len(s.histories) == 0 else int(s.spells.start.min())

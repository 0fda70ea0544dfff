"""Spells (one open life of a deal: created or reopened, until won, lost or still open) and the month-end panel.

The panel has one row a spell and month end at which it was open, with what was known then; how and when the spell
ended stands beside it for learning, and `Learning` never looks at ends after its own month.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from forecasting.histories import (
    NEVER,
    NO_MONTH,
    OPEN,
    WON,
    Bools,
    Floats,
    Histories,
    Ints,
    Times,
    month_of,
    month_start,
)


@dataclass(frozen=True)
class Spells:
    """One entry a spell. start, end: months, end is NEVER while open; end_kind: WON, LOST or OPEN;
    revenue_month: month the won revenue belongs to (NEVER where not won); value: won amount (0 where not won or
    unknown); segment: code at the start; last_segment: code at its end; deal: code of the deal;
    stands: not undone by a later row (reopened, lost or deleted after the win), as the whole data tells it;
    first_row, last_row: rows of the histories that `segment` and `last_segment` are of."""

    deal: Ints
    start: Ints
    end: Ints
    end_kind: Ints
    revenue_month: Ints
    value: Floats
    segment: Ints
    last_segment: Ints
    stands: Bools
    first_row: Ints
    last_row: Ints

    def __len__(self) -> int:
        return len(self.deal)

    def those(self, which: Bools | Ints) -> Spells:
        """Some of them, in their order."""
        return Spells(*(getattr(self, name.name)[which] for name in fields(self)))


@dataclass(frozen=True)
class Panel:
    """One entry a spell and month end at which it was open. month; spell: index into Spells; stage, segment: codes;
    days: in the present stage up to that month's end; amount: as then known, NaN where unknown; due: expected
    close month minus month (0 and less: overdue), NO_MONTH where there is none; probability: the CRM's own;
    row: row of the histories that was in force."""

    month: Ints
    spell: Ints
    stage: Ints
    segment: Ints
    days: Floats
    amount: Floats
    due: Ints
    probability: Floats
    row: Ints

    def __len__(self) -> int:
        return len(self.month)


def spells_of(h: Histories) -> tuple[Spells, Ints]:
    """Spells, and for each row of the histories the index of the spell it belongs to (-1: closed rows after an end).

    A deal whose first row is closed has a spell that starts and ends there; so has a deal that goes from lost to won
    without being open between. Lost after lost, or won after won, is the same end.
    """
    n = len(h)
    before = np.where(h.is_first, -1, np.concatenate(([-1], h.kind[:-1])) if n else h.kind)
    opens = (h.kind == OPEN) & (before != OPEN)
    jumps = (h.kind != OPEN) & (before != OPEN) & (before != h.kind) & ((before == -1) | (h.kind == WON))
    starts = opens | jumps
    spell = np.cumsum(starts) - 1
    ends = ((h.kind != OPEN) & (before == OPEN)) | jumps
    member = (h.kind == OPEN) | ends
    at_start = np.flatnonzero(starts)
    size = len(at_start)
    months = month_of(h.at)
    end = np.full(size, NEVER)
    end_kind = np.full(size, OPEN)
    revenue_month = np.full(size, NEVER)
    value = np.zeros(size)
    last_row = at_start.copy()
    closing = np.flatnonzero(ends)
    end[spell[closing]] = months[closing]
    end_kind[spell[closing]] = h.kind[closing]
    last_row[spell[closing]] = closing
    wins = closing[h.kind[closing] == WON]
    revenue_month[spell[wins]] = h.revenue_month[wins]
    value[spell[wins]] = np.nan_to_num(h.amount[wins])
    deals = h.deal[at_start]
    last = np.ones(size, dtype=bool)
    last[:-1] = deals[1:] != deals[:-1]
    newest = h.is_last
    stands = last & (h.kind[newest][np.searchsorted(h.deal[newest], deals)] == end_kind) if size else last
    found = Spells(
        h.deal[at_start],
        months[at_start],
        end,
        end_kind,
        revenue_month,
        value,
        h.segment[at_start],
        h.segment[last_row],
        stands,
        at_start,
        last_row,
    )
    return found, np.where(member, spell, -1)


def under(x: Spells, h: Histories) -> Spells:
    """The same spells under the segments of h, which has the same rows."""
    return replace(x, segment=h.segment[x.first_row], last_segment=h.segment[x.last_row])


def stage_entries(h: Histories) -> Times:
    """For each row, when the stage it is in was entered: the last row that changed the deal's stage or reopened it."""
    last = np.maximum.accumulate(np.where(h.is_entry, np.arange(len(h)), 0))
    entered: Times = h.at[last]
    return entered


def panel_of(h: Histories, spell: Ints, last_month: int) -> Panel:
    """Month ends up to `last_month` at which each spell was open, as known at that month end.

    spell: as returned by `spells_of` for the same histories. Ordered by month.
    """
    n = len(h)
    months = month_of(h.at)
    until = np.full(n, last_month + 1)
    until[:-1] = np.where(h.is_last[:-1], last_month + 1, np.minimum(months[1:], last_month + 1))
    count = np.where((h.kind == OPEN) & (spell >= 0), np.maximum(until - months, 0), 0)
    row = np.repeat(np.arange(n), count)
    offset = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    month = months[row] + offset
    first = int(month.min()) if len(month) else last_month
    # small integers are sorted stably in linear time
    order = np.argsort((month - first).astype(np.int16 if last_month - first < 2**15 else np.int64), kind="stable")
    row, month = row[order], month[order]
    ends = month_start(first + 1 + np.arange(last_month - first + 1))
    days = (ends[month - first] - stage_entries(h)[row]) / np.timedelta64(1, "D")
    close = h.close_month[row]
    due = np.where(close == NO_MONTH, NO_MONTH, close - month)
    return Panel(month, spell[row], h.stage[row], h.segment[row], days, h.amount[row], due, h.probability[row], row)


def first_won_month(spells: Spells) -> int:
    """First month with a won spell; NEVER where nothing was ever won.

    Month ends before it teach nothing: a CRM introduced or an export cut later shows survivors only.
    """
    won = spells.end[spells.end_kind == WON]
    return int(won.min()) if len(won) else NEVER


def won_by_month(
    spells: Spells, first: int, last: int, known_through: int | None = None, segment: int | None = None
) -> Floats:
    """Revenue won of each month first … last (array of last - first + 1), of spells won through `known_through`, of a
    segment or (None) of all."""
    known = (spells.end_kind == WON) & (spells.revenue_month >= first) & (spells.revenue_month <= last)
    if known_through is not None:
        known &= spells.end <= known_through
    if segment is not None:
        known &= spells.last_segment == segment
    return np.bincount(
        spells.revenue_month[known] - first, weights=spells.value[known], minlength=last - first + 1
    ).astype(np.float64)

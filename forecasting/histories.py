"""Histories of deals as arrays: one row a change, ordered by deal and time. Input of everything in this package.

A *month* is an integer, year * 12 + month - 1, in the reporting time zone; `NO_MONTH` where there is none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

OPEN, WON, LOST = 0, 1, 2
NO_MONTH = -(10**6)
"""Far before every real month, so that comparisons need no mask."""
NEVER = 10**6
"""A month far after every real one: not yet."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Times = NDArray[np.datetime64]


def month_of(at: Times) -> Ints:
    """Month numbers of instants (naive, already in the reporting time zone)."""
    months: Ints = at.astype("datetime64[M]").astype(np.int64) + 1970 * 12
    return np.where(np.isnat(at), NO_MONTH, months)


def month_start(month: int | Ints) -> Times:
    """First instant of months, as naive datetime64[us] in the reporting time zone."""
    return np.asarray(np.asarray(month, dtype=np.int64) - 1970 * 12).astype("datetime64[M]").astype("datetime64[us]")


def month_name(month: int) -> str:
    """2026-06 for the number of June 2026."""
    return f"{month // 12:04d}-{month % 12 + 1:02d}"


def month_number(text: str) -> int:
    """The number of a month written YYYY-MM; ValueError for anything else."""
    year, _, month = text.partition("-")
    if len(year) != 4 or len(month) != 2 or not (year + month).isdigit() or not 1 <= int(month) <= 12:
        raise ValueError(f"'{text}' is not a month written YYYY-MM")
    return int(year) * 12 + int(month) - 1


@dataclass(frozen=True)
class Histories:
    """Rows ordered by deal and time, all arrays of the same length n.

    deal: code of the deal, 0 … number of deals - 1; at: instant of the change (naive, reporting time zone);
    stage: code of the stage then entered or kept; kind: OPEN, WON or LOST (void and deleted count as LOST);
    amount: money as known from then on, NaN where unknown; close_month: month of the expected close date as known
    from then on, NO_MONTH where there is none; revenue_month: month a won row's revenue belongs to;
    segment: code of the deal's segment from then on; probability: the CRM's own, NaN where it gives none;
    close_date: the expected close date to the day, NaT where there is none (only `shifted` looks at it).
    """

    deal: Ints
    at: Times
    stage: Ints
    kind: Ints
    amount: Floats
    close_month: Ints
    revenue_month: Ints
    segment: Ints
    probability: Floats
    close_date: Times
    segments: tuple[str, ...] = ("all",)

    def __len__(self) -> int:
        return len(self.deal)

    @property
    def is_first(self) -> Bools:
        """Whether a row is the first of its deal."""
        found = np.ones(len(self), dtype=bool)
        found[1:] = self.deal[1:] != self.deal[:-1]
        return found

    @property
    def is_last(self) -> Bools:
        """Whether a row is the last of its deal."""
        found = np.ones(len(self), dtype=bool)
        found[:-1] = self.deal[1:] != self.deal[:-1]
        return found

    @property
    def is_entry(self) -> Bools:
        """Whether a row enters a stage (or reopens a deal in it); an edit of amount or date does not."""
        found = self.is_first
        found[1:] |= (self.stage[1:] != self.stage[:-1]) | (self.kind[1:] != self.kind[:-1])
        return found

    def before(self, instant: np.datetime64) -> Histories:
        """The same histories as somebody saw them who looked at `instant`: only what had happened before it."""
        return self.rows(self.at < instant)

    def rows(self, mask: Bools) -> Histories:
        """Those rows; codes of deals, stages and segments stay what they are."""
        return Histories(
            self.deal[mask], self.at[mask], self.stage[mask], self.kind[mask], self.amount[mask],
            self.close_month[mask], self.revenue_month[mask], self.segment[mask], self.probability[mask],
            self.close_date[mask], self.segments,
        )  # fmt: skip

    def shifted(self, shift: np.timedelta64) -> Histories:
        """Everything moved back by a time; revenue then belongs to the month of the win itself."""
        at = self.at - shift
        return replace(self, at=at, close_month=month_of(self.close_date - shift), revenue_month=month_of(at))


def histories(
    deal: Ints,
    at: Times,
    stage: Ints,
    kind: Ints,
    amount: Floats,
    close_month: Ints | None = None,
    revenue_month: Ints | None = None,
    segment: Ints | None = None,
    probability: Floats | None = None,
    segments: tuple[str, ...] = ("all",),
    close_date: Times | None = None,
) -> Histories:
    """Histories from rows in any order; rows of one deal at one instant keep the order they come in.

    What is not given is: no expected close month, revenue in the month of the row, one segment, no probability, a close
    date in the middle of the expected month. Infinite amounts count as unknown.
    """
    later = (deal[1:] > deal[:-1]) | ((deal[1:] == deal[:-1]) & (at[1:] >= at[:-1]))
    order = slice(None) if later.all() else np.lexsort((at, deal))  # stable
    n = len(deal)
    at = at.astype("datetime64[us]")
    months = month_of(at)
    expected = np.full(n, NO_MONTH) if close_month is None else close_month
    if close_date is None:
        middle = month_start(expected) + np.timedelta64(14, "D")
        close_date = np.where(expected == NO_MONTH, np.datetime64("NaT"), middle)
    return Histories(
        deal[order].astype(np.int64, copy=False),
        at[order],
        stage[order].astype(np.int64, copy=False),
        kind[order].astype(np.int64, copy=False),
        np.where(np.isfinite(amount), amount, np.nan)[order].astype(np.float64, copy=False),
        expected[order].astype(np.int64, copy=False),
        (months if revenue_month is None else np.where(revenue_month == NO_MONTH, months, revenue_month))[order],
        (np.zeros(n) if segment is None else segment)[order].astype(np.int64, copy=False),
        (np.full(n, np.nan) if probability is None else probability)[order].astype(np.float64, copy=False),
        close_date.astype("datetime64[us]", copy=False)[order],
        segments,
    )

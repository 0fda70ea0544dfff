"""What a vintage said, deal by deal: the form in which the bridge compares two of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from forecasting.hazards import HORIZONS
from forecasting.histories import NO_MONTH, Floats, Ints
from forecasting.new_business import lag_curve
from forecasting.study import Study
from forecasting.vintage import METHOD, Point


@dataclass(frozen=True)
class Money:
    """Of each row of the histories the amount in its own currency (NaN where unknown), and the currency's code."""

    native: Floats
    currency: Ints


@dataclass(frozen=True)
class Deals:
    """Deals open at a month end. deal: code; spell: index into the study's spells (-1: none of them); stage: code
    (-1: unknown); won: (deals, 9) probability of each month; if_won: expected amount at close; amount: as then known,
    native: in its own currency (of that code), both NaN where unknown; due: expected close month, NO_MONTH where there
    is none."""

    deal: Ints
    spell: Ints
    stage: Ints
    won: Floats
    if_won: Floats
    amount: Floats
    native: Floats
    currency: Ints
    due: Ints

    def __len__(self) -> int:
        return len(self.deal)

    @property
    def revenue(self) -> Floats:
        """Expected revenue of each deal and month, (deals, 9)."""
        return self.won * self.if_won[:, None]


@dataclass(frozen=True)
class Said:
    """A vintage. cents: total of each month as published; booked, new: the parts that no open deal brings; share:
    (9, 9) of each month's new business by month of creation; inflow: deals expected to be created in each month."""

    as_of: int
    method: str
    cents: Ints
    booked: Floats
    new: Floats
    opened: Deals
    share: Floats = field(repr=False)
    inflow: Floats = field(repr=False)

    @property
    def total(self) -> Floats:
        """Of each month, before it was rounded, (9)."""
        return self.booked + self.new + self.opened.revenue.sum(axis=0)


def said_of(s: Study, p: Point, money: Money) -> Said:
    """The vintage that the study makes of a month end."""
    here = s.open_at(p.as_of)
    row, due = s.panel.row[here], s.panel.due[here]
    opened = Deals(
        s.spells.deal[p.opened.spell], p.opened.spell, s.panel.stage[here], p.opened.won, p.opened.amount,
        s.panel.amount[here], money.native[row], money.currency[row],
        np.where(due == NO_MONTH, NO_MONTH, p.as_of + due),
    )  # fmt: skip
    cents = np.floor(100 * p.total + 0.5).astype(np.int64)
    version = METHOD + ("-cold" if p.is_cold else "")
    return Said(
        p.as_of, version, cents, p.booked, p.new_revenue, opened, by_creation(s, p), p.new.inflow.expected
    )  # fmt: skip


def by_creation(s: Study, p: Point) -> Floats:
    """(9, 9) share of each target month's new business by month of creation."""
    value = lag_curve(s, p.as_of, p.opened.rhythm).value
    share = np.zeros((HORIZONS, HORIZONS))
    for h in range(HORIZONS):
        share[h, : h + 1] = p.new.inflow.expected[: h + 1] * value[h::-1]
        share[h] /= max(share[h].sum(), 1e-9)
    return share

"""What a month may bring its owner against a quota: the odds to reach it, and the open pipeline missing to 80 %."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from forecasting.gamma import share_below
from forecasting.hazards import HORIZONS
from forecasting.histories import Floats
from forecasting.open_pipeline import AMOUNT_NOISE
from forecasting.periods import Each
from forecasting.study import Study
from forecasting.vintage import Point

WANTED = 0.8
STEPS = 30


@dataclass(frozen=True)
class Month:
    """One owner's month. booked: certain; mean, variance: of the rest, what is common to all deals left out;
    common: relative deviation of that; win_share: expected revenue of the month per unit of open pipeline; noise:
    variance per unit of expected revenue of open deals.

    An owner wins few deals a month, so the rest is a gamma of those moments. Reliable as it is: the company's
    calibration, learned where many deals are added up, would make it worse (docs/forecast-accuracy.md)."""

    booked: float
    mean: float
    variance: float
    common: float
    win_share: float
    noise: float

    def odds(self, quota: float, more: float = 0.0) -> float:
        """Probability to reach the quota, with `more` expected revenue of further open deals."""
        mean, variance = self.mean + more, self.variance + more * self.noise
        return 1 - share_below(quota - self.booked, mean, sqrt(variance + (self.common * mean) ** 2))

    def pipeline_needed(self, quota: float) -> float:
        """Further open pipeline with which the odds are 80 %, 0 where they are; NaN where no such deal would be won."""
        if self.odds(quota) >= WANTED:
            return 0.0
        low, high = 0.0, max(quota - self.booked, 1.0)
        for _ in range(STEPS):
            if self.odds(quota, high) >= WANTED:
                break
            low, high = high, 2 * high
        for _ in range(STEPS):
            middle = (low + high) / 2
            low, high = (low, middle) if self.odds(quota, middle) >= WANTED else (middle, high)
        return high / self.win_share if self.win_share > 0 else float("nan")


def month_ahead(s: Study, p: Point, each: Each) -> Month:
    """The first month of a vintage, of one owner."""
    booked, total, variance = each.part.mean["booked"][0], each.part.mean["total"][0], each.part.variance["total"][0]
    return Month(
        float(booked), float(total - booked), max(float(variance), 0.0), float(p.shared[0]),
        *_open_deals(s, p, each, 1.0),
    )  # fmt: skip


def running_month(s: Study, p: Point, each: Each, booked: float, share: float) -> Month:
    """The rest of the running month, of one owner. share: of a shifted month before the calendar's month end."""
    parts = ("open_pipeline", "new_business")
    mean, variance = (share * sum(figures[c][0] for c in parts) for figures in (each.part.mean, each.part.variance))
    return Month(
        booked, float(mean), max(float(variance), 0.0), float(p.shared[0]), *_open_deals(s, p, each, share)
    )  # fmt: skip


def _open_deals(s: Study, p: Point, each: Each, share: float) -> tuple[float, float]:
    """Expected revenue of the month per unit of open amount, and variance per unit of expected revenue: the owner's, or
    the company's where the owner has no open deal of worth."""
    amount = np.nan_to_num(s.panel.amount[s.open_at(p.as_of)])
    everything = np.ones(len(amount), dtype=bool)
    for mine in (everything if each.mine is None else each.mine, everything):
        won, value = p.opened.won[mine, 0], p.opened.amount[mine]
        expected = share * won * value
        if amount[mine].sum() > 0 and expected.sum() > 0:
            noise = AMOUNT_NOISE * (share * won * value**2).sum() - (expected**2).sum()
            return float(expected.sum() / amount[mine].sum()), float(max(noise, 0.0) / expected.sum())
    return 0.0, 0.0


def weighted_by(splits: Sequence[Study], p: Point) -> tuple[list[np.ndarray], Floats]:
    """By every combination of the splits' segments with open deals: the segments' names, an array a split, and what
    these deals are expected to bring within nine months."""
    here = splits[0].open_at(p.as_of)
    sizes = [len(s.histories.segments) for s in splits]
    cell = np.ravel_multi_index([s.panel.segment[here] for s in splits], sizes)
    there, position = np.unique(cell, return_inverse=True)
    revenue = p.opened.revenue.reshape(-1, HORIZONS).sum(axis=1)
    value = np.bincount(position, revenue, len(there)).astype(np.float64)
    found = np.unravel_index(there, sizes)
    names = [
        np.array([s.histories.segments[i] for i in codes], dtype=object) for s, codes in zip(splits, found, strict=True)
    ]
    return names, value

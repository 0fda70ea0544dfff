"""A vintage split over segments: means add up to the company's exactly, quantiles are each segment's own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.hazards import HORIZONS
from forecasting.histories import WON, Floats, Ints
from forecasting.study import Study
from forecasting.vintage import Point

COMPONENTS = ("booked", "open_pipeline", "new_business", "total")
SHARE_WINS = 15.0
"""Average won deals' worth of the segment's share of deals created in its share of value."""


@dataclass(frozen=True)
class Part:
    """One segment of a vintage, by component of COMPONENTS, (9) each. mean; variance: of which deals come and win;
    shared: relative deviation of what is common to all deals of a month."""

    mean: dict[str, Floats]
    variance: dict[str, Floats]
    shared: Floats

    def deviation(self, component: str) -> Floats:
        """Standard deviation of each month, (9); what is booked is certain."""
        if component == "booked":
            return np.zeros(HORIZONS)
        return np.asarray(np.sqrt(self.variance[component] + (self.shared * self.mean[component]) ** 2))


def whole(p: Point) -> Part:
    """The company as one part."""
    return _part(p, p.booked, p.open_revenue, p.new_revenue, p.open_variance, p.new_variance)


def parts(s: Study, p: Point) -> list[Part]:
    """One part a segment, in the order of the histories' segments.

    p: of this study, or of another one of the same rows under other segments."""
    size, group = len(s.histories.segments), s.panel.segment[s.open_at(p.as_of)]
    opened, noise = (_sums(group, values, size) for values in (p.opened.revenue, p.opened.variance))
    share = new_business_shares(s, p.as_of)
    booked = _booked(s, p.as_of, size)
    noise = np.maximum(noise, 0)
    return [
        _part(p, booked[:, i], opened[:, i], share[i] * p.new_revenue, noise[:, i], share[i] * p.new_variance)
        for i in range(size)
    ]


def _part(p: Point, booked: Floats, opened: Floats, new: Floats, open_variance: Floats, new_variance: Floats) -> Part:
    total = booked + opened + new
    return Part(
        {"booked": booked, "open_pipeline": opened, "new_business": new, "total": total},
        {"open_pipeline": open_variance, "new_business": new_variance, "total": open_variance + new_variance},
        p.shared,
    )


def new_business_shares(s: Study, as_of: int) -> Floats:
    """Each segment's share of new business: of value won in the last 12 months, shrunk to its share of inflow."""
    size = len(s.histories.segments)
    created = (s.spells.start > as_of - 12) & (s.spells.start <= as_of)
    won = (s.spells.end > as_of - 12) & (s.spells.end <= as_of) & (s.spells.end_kind == WON)
    count = np.bincount(s.spells.segment[created], minlength=size) + 1e-9
    value = np.bincount(s.spells.last_segment[won], s.spells.value[won], size)
    typical = float(s.spells.value[won].mean()) if won.any() else 0.0
    worth = SHARE_WINS * (typical if typical > 0 else 1.0)
    blended = np.maximum(value, 0) + worth * count / count.sum()
    return np.asarray(blended / blended.sum())


def _sums(group: Ints, values: Floats, size: int) -> Floats:
    """Sums by group of each column: (rows, 9) → (9, size)."""
    return np.array([np.bincount(group, values[:, h], size) for h in range(values.shape[1])], dtype=np.float64)


def _booked(s: Study, as_of: int, size: int) -> Floats:
    ahead = s.wins.revenue_month - as_of - 1
    known = (s.wins.end <= as_of) & (ahead >= 0) & (ahead < HORIZONS)
    cell = ahead[known] * size + s.wins.last_segment[known]
    found: Floats = np.bincount(cell, s.wins.value[known], HORIZONS * size).astype(np.float64)
    return found.reshape(HORIZONS, size)

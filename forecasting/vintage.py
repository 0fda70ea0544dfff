"""A vintage: what was expected at one month end of each of the next nine months, with its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.hazards import HORIZONS
from forecasting.histories import Floats
from forecasting.intervals import at_scores, calibrated_scores, neighbours, standardised
from forecasting.new_business import NewBusiness, new_business
from forecasting.open_pipeline import OpenPipeline, open_pipeline
from forecasting.spells import won_by_month
from forecasting.study import Study, closed_known, months_of_wins, wins_known

METHOD = "landmark-3"
COLD_MONTHS, COLD_CLOSED = 6, 20
COLD_WIDENING = 1.25
MODEL_ERROR = 0.08, 0.015
"""Relative standard error of the whole, and what each further month adds."""
SHARED = np.asarray(MODEL_ERROR[0] + MODEL_ERROR[1] * (1 + np.arange(HORIZONS)), dtype=np.float64)
"""Relative standard deviation of what is common to all deals of a month, (9)."""
CALIBRATION_MONTHS = 36
"""Past month ends whose errors recalibrate the intervals."""
WARM_UP = 6
"""Months of wins a past month end needs to say anything about errors."""


@dataclass(frozen=True)
class Point:
    """Means and standard deviations (9), before recalibration. booked is certain."""

    as_of: int
    booked: Floats
    opened: OpenPipeline
    new: NewBusiness
    open_revenue: Floats
    new_revenue: Floats
    open_variance: Floats
    new_variance: Floats
    shared: Floats
    """Relative standard deviation of what is common to all deals of a month."""
    is_cold: bool

    @property
    def total(self) -> Floats:
        """Expected revenue of each month, (9)."""
        return self.booked + self.open_revenue + self.new_revenue

    @property
    def deviation(self) -> Floats:
        """Standard deviation of the total, (9)."""
        return np.asarray(np.sqrt(self.open_variance + self.new_variance + (self.shared * self.total) ** 2))


def point(s: Study, as_of: int) -> Point:
    """Means and variances at the end of month as_of, from what had happened through it.

    Deals are large: only the last month end asked for is kept whole, of all of them the outline."""
    last = s.memo.get(("point", 0))
    if last is None or last.as_of != as_of:
        s.memo[("point", 0)] = last = _point(s, as_of)
        s.memo[("outline", as_of)] = (last.total, last.deviation)
    found: Point = last
    return found


def outline(s: Study, as_of: int) -> tuple[Floats, Floats]:
    """Mean and standard deviation of the total at a month end, (9) each."""
    key = ("outline", as_of)
    if key not in s.memo:
        point(s, as_of)
    found: tuple[Floats, Floats] = s.memo[key]
    return found


def _point(s: Study, as_of: int) -> Point:
    cold = is_cold(s, as_of)
    opened = open_pipeline(s, as_of, rhythm_on=not cold)
    new = new_business(s, as_of, opened.rhythm, break_rule=not cold)
    open_variance = opened.variance.sum(axis=0)
    new_variance = new.variance + 0.5 * (new.inflow.error * new.revenue) ** 2
    return Point(
        as_of, booked(s, as_of), opened, new, opened.revenue.sum(axis=0), new.revenue, np.maximum(open_variance, 0),
        new_variance, SHARED, cold,
    )  # fmt: skip


def is_cold(s: Study, as_of: int) -> bool:
    """Fewer than 6 months of wins, or fewer than 20 closed deals."""
    return months_of_wins(s, as_of) < COLD_MONTHS or closed_known(s, as_of) < COLD_CLOSED


def has_forecast(s: Study, as_of: int) -> bool:
    """Whether anything was ever won through as_of; without a win there are no rows rather than zeros."""
    return wins_known(s, as_of) > 0


def booked(s: Study, as_of: int) -> Floats:
    """Revenue of the nine months ahead that was won already by the end of as_of."""
    return won_by_month(s.wins, as_of + 1, as_of + HORIZONS, known_through=as_of)


def past_errors(s: Study, as_of: int) -> tuple[Floats, np.ndarray, np.ndarray]:
    """z, horizon and age in months of every target month that has come by as_of, of the last 36 month ends."""
    scores, horizons, ages = [], [], []
    for origin in range(max(s.first_won + WARM_UP - 1, as_of - CALIBRATION_MONTHS), as_of):
        seen = min(HORIZONS, as_of - origin)
        total, deviation = outline(s, origin)
        came = won_by_month(s.wins, origin + 1, origin + seen, known_through=as_of)
        scores.append(standardised(came, total[:seen], deviation[:seen]))
        horizons.append(1 + np.arange(seen))
        ages.append(as_of - origin - 1 - np.arange(seen))
    if not scores:
        return np.zeros(0), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    return np.concatenate(scores), np.concatenate(horizons), np.concatenate(ages)


def scores_at(s: Study, as_of: int, levels: Floats) -> Floats:
    """Calibrated scores of each horizon, (9, levels), learned from vintages matured by as_of."""
    z, horizon, age = past_errors(s, as_of)
    widen = COLD_WIDENING if is_cold(s, as_of) else 1.0
    rows = []
    for h in range(1, HORIZONS + 1):
        near = neighbours(horizon, h)
        rows.append(calibrated_scores(z[near], age[near], levels) * widen)
    return np.array(rows)


def quantiles(s: Study, as_of: int, levels: Floats) -> Floats:
    """Quantiles of the total of each month ahead, (9, levels)."""
    said = point(s, as_of)
    return at_scores(said.total, said.deviation, scores_at(s, as_of, levels))

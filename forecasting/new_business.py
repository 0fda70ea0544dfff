"""Revenue from deals that do not exist yet: inflow × value won by months since creation, and a second opinion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.hazards import HORIZONS
from forecasting.histories import Floats
from forecasting.inflow import Inflow, expect_inflow
from forecasting.study import Study

HALF_LIFE = 8.0
"""Months after which a cohort counts half: shorter than for hazards, because no deal of its own tells of a change."""
SECOND_PRIOR = 0.25
"""Weight of the second opinion where both have erred alike."""


@dataclass(frozen=True)
class LagCurve:
    """By months since creation l = 0 … 8, per deal created: value won, squared value won, number won."""

    value: Floats
    squared: Floats
    count: Floats


@dataclass(frozen=True)
class NewBusiness:
    """revenue, variance: (9) expected revenue of each month ahead and the variance of which deals come and win;
    inflow: what the deals per month were expected to be; share_second: weight of the second opinion."""

    revenue: Floats
    variance: Floats
    inflow: Inflow
    share_second: float


def new_business(s: Study, as_of: int, rhythm: Floats, break_rule: bool = True) -> NewBusiness:
    """What deals created or reopened after month `as_of` will bring in each of the nine months after it.

    rhythm: calendar factor of as_of + 1 … as_of + 9, then of the 12 months that end with as_of.
    """
    curve_revenue, variance, inflow = _by_curve(s, as_of, rhythm, break_rule)
    second = second_opinion(s, as_of)
    if second is None or inflow.restarted:
        return NewBusiness(curve_revenue, variance, inflow, 0.0)
    share = _share_of_second(s, as_of, break_rule)
    return NewBusiness((1 - share) * curve_revenue + share * second, variance, inflow, share)


def _by_curve(s: Study, as_of: int, rhythm: Floats, break_rule: bool) -> tuple[Floats, Floats, Inflow]:
    counts = created_by_month(s, s.first_won, as_of)
    inflow = expect_inflow(counts, HORIZONS, s.first_won, break_rule)
    curve = lag_curve(s, as_of, rhythm)
    ahead = rhythm[:HORIZONS]
    revenue = np.array([(inflow.expected[: h + 1] * curve.value[h::-1]).sum() * ahead[h] for h in range(HORIZONS)])
    squares = np.array([(inflow.expected[: h + 1] * curve.squared[h::-1]).sum() * ahead[h] for h in range(HORIZONS)])
    return revenue, squares, inflow


def created_by_month(s: Study, first: int, last: int) -> Floats:
    """Spells started in each month first … last."""
    origin, counts = s.started
    found = np.zeros(max(last - first + 1, 0))
    low, high = max(first, origin), min(last, origin + len(counts) - 1)
    if low <= high:
        found[low - first : high - first + 1] = counts[low - origin : high - origin + 1]
    return found


def lag_curve(s: Study, as_of: int, rhythm: Floats) -> LagCurve:
    """Value won l months after creation per deal created, from the cohorts and lags seen through as_of.

    The calendar's factor is taken out of the last 12 months' cells (it is near 1 on average before)."""
    start, lag = s.wins.start, s.wins.end - s.wins.start
    cohort = start - s.first_won
    size = max(as_of - s.first_won + 1, 0)
    created = created_by_month(s, s.first_won, as_of)
    won = (cohort >= 0) & (start <= as_of) & (s.wins.end <= as_of) & (lag < HORIZONS)
    cell = cohort[won] * HORIZONS + lag[won]
    value = s.wins.value[won]
    sums = [
        np.bincount(cell, weights, size * HORIZONS).reshape(size, HORIZONS)
        for weights in (value, value**2, np.ones(len(value)))
    ]
    months = s.first_won + np.arange(size)
    target = months[:, None] + np.arange(HORIZONS)[None, :]
    factor = np.ones(target.shape)
    recent = (target > as_of - 12) & (target <= as_of)
    factor[recent] = rhythm[HORIZONS + target[recent] - (as_of - 11)]
    weight = (0.5 ** ((as_of - months) / HALF_LIFE))[:, None] * (target <= as_of)
    base = np.maximum((weight * factor * created[:, None]).sum(axis=0), 1e-9)
    by_lag = [(weight * part).sum(axis=0) / base for part in sums]
    return LagCurve(*by_lag)


def second_opinion(s: Study, as_of: int) -> Floats | None:
    """The same component as it came out 12 months ago × growth of inflow since; None with under 13 months of wins."""
    if as_of - 12 < s.first_won:
        return None
    span = min(6, as_of - 12 - s.first_won + 1)
    now = created_by_month(s, as_of - span + 1, as_of).sum()
    then = created_by_month(s, as_of - 12 - span + 1, as_of - 12).sum()
    growth = np.clip((now + 1) / (then + 1), 0.4, 2.5)
    return new_revenue_after(s, as_of - 12, as_of) * growth


def new_revenue_after(s: Study, origin: int, known_through: int) -> Floats:
    """What deals created after `origin` brought in each of the nine months after it, wins through known_through."""
    ahead = s.wins.end - origin - 1
    won = (s.wins.start > origin) & (s.wins.end <= known_through) & (ahead >= 0) & (ahead < HORIZONS)
    return np.bincount(ahead[won], s.wins.value[won], HORIZONS).astype(np.float64)


def _share_of_second(s: Study, as_of: int, break_rule: bool) -> float:
    """Weight of the second opinion by both opinions' errors at the month ends of the last year, made anew."""
    first_error = second_error = 0.0
    for past in range(as_of - 12, as_of):
        said = second_opinion(s, past)
        if said is None:
            continue
        came = new_revenue_after(s, past, as_of)
        seen = np.arange(HORIZONS) < as_of - past
        first_error += float(((_plain_curve(s, past, break_rule) - came)[seen] ** 2).sum())
        second_error += float(((said - came)[seen] ** 2).sum())
    if first_error <= 0 or second_error <= 0:
        return SECOND_PRIOR
    ratio = SECOND_PRIOR / (1 - SECOND_PRIOR) * (first_error / second_error)
    return float(np.clip(ratio / (1 + ratio), 0.02, 0.8))


def _plain_curve(s: Study, as_of: int, break_rule: bool) -> Floats:
    """The first opinion as of a past month end, without the calendar (which both opinions would need)."""
    return s.kept(("new", as_of, break_rule), lambda: _by_curve(s, as_of, np.ones(HORIZONS + 12), break_rule)[0])

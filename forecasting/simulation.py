"""Joint draws of the months ahead, so that sums over months have quantiles of their own.

How months move together comes from a simulation: the largest open deals one by one (the month of a win is one draw of
a multinomial, so a deal that is won in June is not won in July), the rest and new business by their moments, what is
uncertain about inflow and about the method as a whole shared by all months. What each month alone may bring comes from
the calibrated quantiles: the draws of a month are replaced, rank by rank, by those (a copula; Iman & Conover 1982).
"""

from __future__ import annotations

from zlib import crc32

import numpy as np

from forecasting.hazards import HORIZONS
from forecasting.histories import Bools, Floats
from forecasting.open_pipeline import AMOUNT_NOISE
from forecasting.study import Study
from forecasting.vintage import METHOD, Point, scores_at

DRAWS = 4000
LARGE = 60
"""Open deals drawn one by one: those with the largest variance."""
LEVELS = (np.arange(DRAWS) + 0.5) / DRAWS


def generator(as_of: int, name: str) -> np.random.Generator:
    """Random numbers that depend on the month end (or instant), the method's version and the segment alone."""
    return np.random.default_rng([as_of, crc32(METHOD.encode()), crc32(name.encode())])


def scenarios(p: Point, mine: Bools | None, share: float, random: np.random.Generator) -> Floats:
    """Draws of open pipeline and new business of the nine months, (DRAWS, 9), before calibration.

    mine: which open deals belong to the segment (None: all); share: the segment's share of new business."""
    opened = p.opened if mine is None else p.opened.those(mine)
    won, amount, expected, variance = opened.won, opened.amount, opened.revenue, np.maximum(opened.variance, 0)
    order = np.argsort(-variance.sum(axis=1), kind="stable")
    large, rest = order[:LARGE], order[LARGE:]
    drawn = _one_by_one(won[large], amount[large], random)
    drawn += _by_moments(expected[rest].sum(axis=0), variance[rest].sum(axis=0), random)
    new = _by_moments(share * p.new_revenue, share * p.new.variance, random)
    new *= _factor(np.full(HORIZONS, np.sqrt(0.5) * p.new.inflow.error), random)
    return np.asarray((drawn + new) * _factor(p.shared, random))


def _one_by_one(won: Floats, amount: Floats, random: np.random.Generator) -> Floats:
    """Revenue by month of deals each won in one month or none, amount at close log-normal around the expected one."""
    spread = np.sqrt(np.log(AMOUNT_NOISE))
    found = np.zeros((DRAWS, HORIZONS + 1))
    for cumulated, value in zip(won.cumsum(axis=1), amount, strict=True):
        month = np.searchsorted(cumulated, random.random(DRAWS), side="right")
        found[np.arange(DRAWS), month] += value * np.exp(spread * random.standard_normal(DRAWS) - spread**2 / 2)
    return found[:, :HORIZONS]


def _by_moments(mean: Floats, variance: Floats, random: np.random.Generator) -> Floats:
    """Months independent of each other, gamma with those means and variances."""
    steady, varied = np.maximum(mean, 1e-9), np.maximum(variance, 1e-9)
    return random.gamma(steady**2 / varied, varied / steady, (DRAWS, HORIZONS)) * (mean > 0)


def _factor(deviation: Floats, random: np.random.Generator) -> Floats:
    """One log-normal factor with mean 1 for all months of a draw, each month as far off as its own deviation says."""
    return np.exp(random.standard_normal((DRAWS, 1)) * deviation - deviation**2 / 2)


def grid(s: Study, as_of: int) -> Floats:
    """Calibrated scores of each horizon at DRAWS even levels, (9, DRAWS)."""
    return s.kept(("grid", as_of), lambda: scores_at(s, as_of, LEVELS))


def on_marginals(drawn: Floats, marginals: Floats, random: np.random.Generator) -> Floats:
    """Draws with the ranks of `drawn` (DRAWS, k) and the values of `marginals` (k, DRAWS, ascending), (DRAWS, k).

    Equal draws are ranked at random: by position they would seem to go together over the months."""
    found = np.empty(drawn.shape)
    for month, values in enumerate(marginals):
        order = np.lexsort((random.random(DRAWS), drawn[:, month]))
        found[order, month] = values
    return found

"""From mean and standard deviation to quantiles that hold as often as they claim.

Money totals are compound counts: skewed, sometimes zero. On the square-root scale they are close to symmetric, so
errors are standardised there, and the quantiles of the warehouse's own matured vintages are pooled with a standard
normal worth `PRIOR_VINTAGES` of them (a shrunk conformal recalibration).
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from forecasting.histories import Bools, Floats, Ints

PRIOR_VINTAGES = 16.0
HALF_LIFE = 24.0
LEVELS = np.array([0.1, 0.5, 0.9])
_NORMAL = np.array([NormalDist().inv_cdf((i + 0.5) / 400) for i in range(400)])


def root_deviation(mean: Floats, deviation: Floats) -> Floats:
    """Standard deviation on the square-root scale: sd / 2 √mean, bounded where the mean is nearly nothing."""
    root = np.sqrt(np.maximum(mean, 0.0))
    return np.asarray(deviation / np.maximum(2 * root, np.sqrt(np.maximum(deviation, 1e-12)) * 0.5))


def standardised(actual: Floats, mean: Floats, deviation: Floats) -> Floats:
    """z of what came: (√actual - √mean) / (sd / 2 √mean). Negative actuals count as zero."""
    spread = np.maximum(root_deviation(mean, deviation), 1e-9)
    return np.asarray((np.sqrt(np.maximum(actual, 0)) - np.sqrt(np.maximum(mean, 0))) / spread)


def neighbours(horizon: Ints, of: int) -> Bools:
    """Which horizons teach another one: within 1 up to three months ahead, within 2 up to six, then within 3."""
    return np.abs(horizon - of) <= (1 if of <= 3 else 2 if of <= 6 else 3)


def calibrated_scores(z: Floats, age: Ints, levels: Floats = LEVELS) -> Floats:
    """Scores to put on the square-root scale for each level.

    z: standardised errors of matured vintages; age: months since each target month.
    """
    values = np.concatenate((z, _NORMAL))
    weights = np.concatenate((0.5 ** (age / HALF_LIFE), np.full(len(_NORMAL), PRIOR_VINTAGES / len(_NORMAL))))
    order = np.argsort(values, kind="stable")
    cumulated = (np.cumsum(weights[order]) - 0.5 * weights[order]) / weights.sum()
    return np.interp(levels, cumulated, values[order])


def at_scores(mean: Floats, deviation: Floats, scores: Floats) -> Floats:
    """Money at scores: (√mean + q · sd / 2 √mean)², never below 0. mean, deviation (n), scores (n, k) → (n, k)."""
    root = np.sqrt(np.maximum(mean, 0))[:, None] + scores * root_deviation(mean, deviation)[:, None]
    return np.asarray(np.maximum(root, 0.0) ** 2)

"""Gamma distribution of money totals: skewed as compound counts are, with much weight near nothing where few wins are
expected. (On the square-root scale of `intervals` the median of such a month would be its mean.)"""

from __future__ import annotations

from math import exp, lgamma, log, sqrt
from statistics import NormalDist

PRECISION = 1e-10
NEARLY_NORMAL = 1000.0
"""Shape from which the cube root is normal to four digits (Wilson & Hilferty 1931)."""


def share_below(amount: float, mean: float, deviation: float) -> float:
    """Probability of less than `amount` of a gamma with that mean and standard deviation, all in the same money.

    Nothing varies where the deviation is 0; where the mean is 0 or less all is 0."""
    if amount <= 0:
        return 0.0
    if mean <= 0 or deviation <= 0:
        return float(max(mean, 0.0) < amount)
    shape = (mean / deviation) ** 2
    return _regularised(shape, shape * amount / mean)


def _regularised(a: float, x: float) -> float:
    """Lower regularised incomplete gamma function (Abramowitz & Stegun 6.5.29 and 6.5.31)."""
    if a > NEARLY_NORMAL:
        return NormalDist().cdf(((x / a) ** (1 / 3) - 1 + 1 / (9 * a)) * 3 * sqrt(a))
    weight = exp(a * log(x) - x - lgamma(a))
    if x < a + 1:
        return min(1.0, weight * _series(a, x))
    return max(0.0, 1 - weight * _fraction(a, x))


def _series(a: float, x: float) -> float:
    term = total = 1 / a
    while term > PRECISION * total:
        a += 1
        term *= x / a
        total += term
    return total


def _fraction(a: float, x: float) -> float:
    """Continued fraction by Lentz's method; its terms stay positive for x > a + 1."""
    b = x + 1 - a
    c, d = float("inf"), 1 / b
    found, step, i = d, 0.0, 0
    while abs(step - 1) > PRECISION:
        i += 1
        b += 2
        numerator = i * (a - i)
        d = 1 / (b + numerator * d)
        c = b + numerator / c
        step = c * d
        found *= step
    return found

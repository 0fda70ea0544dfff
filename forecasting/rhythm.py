"""The calendar's factor on closings: won over expected by position in the quarter, then by month of the year."""

from __future__ import annotations

import numpy as np

from forecasting.histories import Floats, Ints

WINS_WORTH = 25.0
"""Wins' worth of the factor 1 in each position."""
YEARLY_FROM = 24
"""Months of evidence before months of the year are told apart."""


def closing_rhythm(months: Ints, won: Floats, expected: Floats, targets: Ints) -> Floats:
    """Factor for each target month, mean 1 over a quarter and over a year.

    months: consecutive month numbers; won, expected: wins counted and wins expected by the hazards in each of them.
    """
    if len(months) < 6 or expected.sum() <= 0:
        return np.ones(len(targets))
    level = _centred_level(won, expected)
    base = expected * level
    quarter = _factors(months % 3, won, base, 3)
    factor = quarter[targets % 3]
    if len(months) >= YEARLY_FROM:
        year = _factors(months % 12, won, base * quarter[months % 3], 12)
        factor = factor * year[targets % 12]
    return factor


def _centred_level(won: Floats, expected: Floats) -> Floats:
    """Seven-month centred ratio of won to expected, so that slow drifts are not taken for a rhythm."""
    window = np.ones(7)
    above = np.convolve(won, window)[3:-3]
    below = np.convolve(expected, window)[3:-3]
    return np.asarray(np.where(below > 0, above / np.maximum(below, 1e-12), 1.0))


def _factors(position: Ints, won: Floats, base: Floats, size: int) -> Floats:
    seen = np.bincount(position, minlength=size)
    raw = (np.bincount(position, won, size) + WINS_WORTH) / (np.bincount(position, base, size) + WINS_WORTH)
    factor = 1.0 + (raw - 1.0) * seen / (seen + 2.0)
    return np.asarray(factor / factor.mean())

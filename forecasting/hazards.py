"""Landmark Aalen-Johansen in discrete months: hazards of winning and of losing k months after a month end, by stratum.

Each month end is a landmark (van Houwelingen 2007; Putter & Spitoni 2018 for why that needs no Markov assumption).
Losses are a competing risk, never censoring. Each stratum is shrunk to its parent by K deals' worth of evidence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.histories import LOST, WON, Floats, Ints

HORIZONS = 9
SHRINKAGE = 12.0
"""Deals' worth of the parent's hazard in each stratum."""
HALF_LIFE = 9.0
"""Months after which a landmark counts half."""
WAYS = 3
"""How a landmark was left: not yet, won, lost (the codes OPEN, WON, LOST)."""
ENDINGS = (HORIZONS + 1) * WAYS


@dataclass(frozen=True)
class Hazards:
    """win, lose: (cells, HORIZONS), hazard in month k = 1 … HORIZONS given open before it."""

    win: Floats
    lose: Floats


def landmark_weights(months: Ints, as_of: int) -> Floats:
    """0.5 ** (age in months / half-life); the landmark just before as_of counts 1. months: ascending or not."""
    if len(months) == 0:
        return np.zeros(0)
    first = int(months.min())
    by_month = 0.5 ** ((as_of - 1 - np.arange(first, int(months.max()) + 1)) / HALF_LIFE)
    return np.asarray(by_month[months - first], dtype=np.float64)


def endings(months: Ints, end: Ints, kind: Ints, follow_up: Ints | int) -> Ints:
    """How each landmark went, as one code below ENDINGS: months it lasted × WAYS + how it was left within follow_up.

    months, end, kind: of the landmarks (end month of the spell and how it ended); follow_up ≤ HORIZONS, in months."""
    stay = end - months
    return np.minimum(stay, follow_up) * WAYS + np.where(stay <= follow_up, kind, 0)


def weigh(cell: Ints, size: int, ending: Ints, weights: Floats) -> Floats:
    """Weight of the landmarks by cell, months lasted and way left, (size, HORIZONS + 1, WAYS)."""
    found = np.bincount(cell * ENDINGS + ending, weights, size * ENDINGS)
    return np.asarray(found.reshape(size, HORIZONS + 1, WAYS), dtype=np.float64)


def fit_hazards(weighed: Floats, levels: list[Ints]) -> Hazards:
    """Hazards of each cell, each level shrunk to the one before.

    weighed: as `weigh` returns it; levels: (cells) stratum of each cell, from coarse to fine, codes dense."""
    win = lose = np.zeros((1, HORIZONS))
    before = np.zeros(len(weighed), dtype=np.int64)
    for depth, stratum in enumerate(levels):
        size = int(stratum.max(initial=0)) + 1
        cell = (stratum[:, None] * ENDINGS + np.arange(ENDINGS)).ravel()
        sums = np.bincount(cell, weighed.ravel(), size * ENDINGS).reshape(size, HORIZONS + 1, WAYS)
        at_risk = np.cumsum(sums.sum(axis=2)[:, ::-1], axis=1)[:, ::-1][:, 1:]
        won, lost = sums[:, 1:, WON], sums[:, 1:, LOST]
        if depth == 0:
            floor = np.maximum(at_risk, 1e-9)
            win, lose = won / floor, lost / floor
        else:
            parent = np.zeros(size, dtype=np.int64)
            parent[stratum] = before
            win = (won + SHRINKAGE * win[parent]) / (at_risk + SHRINKAGE)
            lose = (lost + SHRINKAGE * lose[parent]) / (at_risk + SHRINKAGE)
        before = stratum
    return Hazards(win[before], lose[before])


def outcome_probabilities(win: Floats, lose: Floats, rhythm: Floats) -> tuple[Floats, Floats]:
    """P(won in month k), P(lost in month k) of deals with hazards (deals, HORIZONS) and a calendar factor a month.

    Both (deals, HORIZONS); what is missing to 1 is still open after the last month. Cells do in place of deals.
    """
    lose = np.minimum(lose, 1.0)
    win = np.minimum(win * rhythm[None, : win.shape[1]], 1.0 - lose)
    survival = np.cumprod(1.0 - win - lose, axis=1)
    before = np.concatenate((np.ones((len(win), 1)), survival[:, :-1]), axis=1)
    return before * win, before * lose


def log_loss(won: Floats, lost: Floats, cell: Ints, ending: Ints, follow_up: int) -> float:
    """Sum of -log P(what was seen) over deals.

    won, lost: (cells, HORIZONS) probabilities; cell, ending: of each deal (as `endings` gives it for follow_up)."""
    still = 1.0 - won[:, :follow_up].sum(axis=1) - lost[:, :follow_up].sum(axis=1)
    said = np.empty((len(won), HORIZONS + 1, WAYS))
    said[:, :, 0] = still[:, None]
    said[:, 0, 1:] = 1.0  # nothing open at a month end is closed in it
    said[:, 1:, WON], said[:, 1:, LOST] = won, lost
    told = -np.log(np.maximum(said, 1e-6)).reshape(len(won), ENDINGS)
    return float(told[cell, ending].sum())

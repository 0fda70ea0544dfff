"""Landmark Aalen-Johansen in discrete months: hazards of winning and of losing k months after a month end, by stratum.

Each month end is a landmark (van Houwelingen 2007; Putter & Spitoni 2018 for why that needs no Markov assumption).
Losses are a competing risk, never censoring. Each stratum is shrunk to its parent by K deals' worth of evidence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.histories import LOST, WON, Floats, Ints
from forecasting.strata import Levels

HORIZONS = 9
SHRINKAGE = 12.0
"""Deals' worth of the parent's hazard in each stratum."""
HALF_LIFE = 9.0
"""Months after which a landmark counts half."""


@dataclass(frozen=True)
class Hazards:
    """win, lose: (strata of the finest level, HORIZONS), hazard in month k = 1 … HORIZONS given open before it."""

    win: Floats
    lose: Floats


def landmark_weights(months: Ints, as_of: int) -> Floats:
    """0.5 ** (age in months / half-life); the landmark just before as_of counts 1."""
    return np.asarray(0.5 ** ((as_of - 1 - months) / HALF_LIFE), dtype=np.float64)


def fit_hazards(strata: Levels, rows: slice, months: Ints, end: Ints, kind: Ints, as_of: int) -> Hazards:
    """Hazards learned from the landmarks `rows` of the levels' panel part, followed up through month `as_of`.

    months, end, kind: of those landmarks (end month of the spell and how it ended); what ends after as_of is not seen.
    """
    weights = landmark_weights(months, as_of)
    follow_up = np.minimum(as_of - months, HORIZONS)
    stay = end - months
    lasted = np.minimum(stay, follow_up)
    ended = stay <= follow_up
    win = lose = np.zeros((1, HORIZONS))
    for level, (codes, size) in enumerate(zip(strata.codes, strata.sizes, strict=True)):
        cell = codes[rows] * (HORIZONS + 1) + lasted
        shape = (size, HORIZONS + 1)
        total = np.bincount(cell, weights, size * (HORIZONS + 1)).reshape(shape)
        at_risk = np.cumsum(total[:, ::-1], axis=1)[:, ::-1][:, 1:]
        won, lost = (
            np.bincount(cell, np.where(ended & (kind == which), weights, 0.0), size * (HORIZONS + 1)).reshape(shape)
            for which in (WON, LOST)
        )
        if level == 0:
            floor = np.maximum(at_risk, 1e-9)
            win, lose = won[:, 1:] / floor, lost[:, 1:] / floor
            continue
        parent = strata.parents[level]
        win = (won[:, 1:] + SHRINKAGE * win[parent]) / (at_risk + SHRINKAGE)
        lose = (lost[:, 1:] + SHRINKAGE * lose[parent]) / (at_risk + SHRINKAGE)
    return Hazards(win, lose)


def outcome_probabilities(win: Floats, lose: Floats, rhythm: Floats) -> tuple[Floats, Floats]:
    """P(won in month k), P(lost in month k) of deals with hazards (deals, HORIZONS) and a calendar factor a month.

    Both (deals, HORIZONS); what is missing to 1 is still open after the last month.
    """
    lose = np.minimum(lose, 1.0)
    win = np.minimum(win * rhythm[None, : win.shape[1]], 1.0 - lose)
    survival = np.cumprod(1.0 - win - lose, axis=1)
    before = np.concatenate((np.ones((len(win), 1)), survival[:, :-1]), axis=1)
    return before * win, before * lose


def log_loss(won: Floats, lost: Floats, stay: Ints, kind: Ints, follow_up: int) -> float:
    """Sum of -log P(what was seen) over deals: won or lost in month `stay`, or open after `follow_up` months."""
    k = np.clip(stay, 1, follow_up) - 1
    rows = np.arange(len(stay))
    still = 1.0 - won[:, :follow_up].sum(axis=1) - lost[:, :follow_up].sum(axis=1)
    seen = np.where(stay > follow_up, still, np.where(kind == WON, won[rows, k], lost[rows, k]))
    return float(-np.log(np.maximum(seen, 1e-6)).sum())

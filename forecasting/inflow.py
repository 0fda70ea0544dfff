"""How many deals will be created (or reopened) in each coming month."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.histories import Floats

SMOOTHING = (0.15, 0.4, 0.8)
MIDDLE = 1
"""Position of the smoothing that short histories are pulled to."""
FULL_HISTORY = 14
STEPS = 3
BREAK_UP, BREAK_DOWN, BREAK_T = 1.7, 0.59, 5.0
SAME_SEASON = 0.5
"""A jump that happened by at least this share (in logs) at the same months last year is a season, not a break."""


@dataclass(frozen=True)
class Inflow:
    """expected: deals a month for the coming months; error: relative standard error three months ahead;
    restarted: months since a break of the level, 0 where there was none."""

    expected: Floats
    error: float
    restarted: int


def expect_inflow(counts: Floats, months: int, first_month: int, break_rule: bool = True) -> Inflow:
    """counts: deals created in consecutive months, the first of which is month number `first_month`."""
    since = level_break(counts) if break_rule else 0
    if since:
        counts, first_month = counts[-since:], first_month + len(counts) - since
    if len(counts) == 0:
        return Inflow(np.zeros(months), 1.0, since)
    weights, error = _weights(counts, first_month, months)
    opinions = _opinions(counts, first_month, months)
    mix = weights @ opinions
    share = min(1.0, len(counts) / FULL_HISTORY)
    return Inflow(share * mix + (1 - share) * opinions[MIDDLE], error, since)


def level_break(counts: Floats) -> int:
    """Months since the level of a series jumped, 0 where it did not.

    A jump: at least two months against six before, by more than x1.7 or less than x0.59, more than 5 standard
    errors, still there in the last three months, and not what the same months of last year did as well.
    """
    n = len(counts)
    best, since = BREAK_T, 0
    for back in range(2, min(12, n - 6) + 1):
        after, before = counts[n - back :], counts[n - back - 6 : n - back]
        mean_after, mean_before = after[:6].mean(), before.mean()
        ratio, lately = (mean_after + 0.5) / (mean_before + 0.5), (after[-3:].mean() + 0.5) / (mean_before + 0.5)
        if BREAK_DOWN <= ratio <= BREAK_UP or BREAK_DOWN <= lately <= BREAK_UP:
            continue
        spread = max(before.var(ddof=1), mean_before, 1.0) / len(before) + max(mean_after, 1.0) / len(after[:6])
        t = abs(mean_after - mean_before) / np.sqrt(spread)
        if t > best and not _was_season(counts, n - back, ratio):
            best, since = t, back
    return since


def _was_season(counts: Floats, at: int, ratio: float) -> bool:
    year_ago = at - 12
    if year_ago < 3:
        return False
    span = min(len(counts) - at, 6)
    after, before = counts[year_ago : year_ago + span], counts[max(0, year_ago - 6) : year_ago]
    then = np.log((after.mean() + 0.5) / (before.mean() + 0.5))
    return bool(then * np.sign(np.log(ratio)) > SAME_SEASON * abs(np.log(ratio)))


def _opinions(counts: Floats, first_month: int, months: int) -> Floats:
    """Five forecasts, (5, months): three exponential means, last year x growth, deseasonalised mean."""
    flat = [np.full(months, _smoothed(counts, alpha)) for alpha in SMOOTHING]
    return np.stack([*flat, _last_year(counts, months, flat[MIDDLE]), _seasonal(counts, first_month, months)])


def _smoothed(counts: Floats, alpha: float) -> float:
    weights = (1 - alpha) ** np.arange(len(counts))[::-1]
    return float((weights * counts).sum() / weights.sum())


def _last_year(counts: Floats, months: int, otherwise: Floats) -> Floats:
    n = len(counts)
    if n < 15:
        return otherwise
    span = min(6, n - 12)
    growth = (counts[n - span :].sum() + 1) / (counts[n - 12 - span : n - 12].sum() + 1)
    ahead = np.array([counts[n - 12 + (k % 12)] for k in range(months)])
    return ahead * np.clip(growth, 0.4, 2.5)


def _seasonal(counts: Floats, first_month: int, months: int) -> Floats:
    n = len(counts)
    position = (first_month + np.arange(n + months)) % 12
    factor = np.ones(12)
    if n >= 24:
        level = np.convolve(counts, np.ones(13), mode="same") / np.convolve(np.ones(n), np.ones(13), mode="same")
        ratio = counts / np.maximum(level, 1e-9)
        seen = np.bincount(position[:n], minlength=12)
        mean = np.bincount(position[:n], ratio, 12) / np.maximum(seen, 1)
        factor = 1 + (mean - 1) * seen / (seen + 1.0)
        factor = factor / factor.mean()
    base = _smoothed(counts / np.maximum(factor[position[:n]], 0.05), SMOOTHING[MIDDLE])
    return np.asarray(base * factor[position[n:]])


def _weights(counts: Floats, first_month: int, months: int) -> tuple[Floats, float]:
    """Weight of each opinion by its own three-step errors over the last 12 months, and the error of the mix."""
    n = len(counts)
    origins = [i for i in range(n - 12 - STEPS, n - STEPS + 1) if i >= 3]
    poisson = 1 / np.sqrt(max(counts[-6:].mean() * STEPS, 1.0))
    if len(origins) < 3:
        return np.full(len(SMOOTHING) + 2, 1 / (len(SMOOTHING) + 2)), max(0.25, poisson)
    said = np.stack([_opinions(counts[:i], first_month, STEPS).mean(axis=1) for i in origins])
    came = np.array([counts[i : i + STEPS].mean() for i in origins])
    squared = ((said - came[:, None]) ** 2).mean(axis=0)
    floor = max(came.mean() / STEPS, 1e-9)
    weights = (squared + 0.25 * floor) ** -2.0
    weights = weights / weights.sum()
    error = np.sqrt(((said @ weights - came) ** 2).mean()) / max(came.mean(), 1e-9)
    return weights, float(np.clip(error, poisson, 1.5))

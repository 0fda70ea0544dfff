"""Revenue from deals that do not exist yet: three opinions, averaged.

Inflow × value won by months since creation follows the company, but every estimate in it wavers; what the component
usually brought at that distance hardly wavers, but lags behind a company that changes; what it brought a year ago ×
growth knows the season and wavers most. Averages of forecasts that err differently err less than each (Bates & Granger
1969); weights estimated from few errors are worse than fixed ones, so what is learned only tilts those that stand here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from forecasting.hazards import HORIZONS
from forecasting.histories import Bools, Floats, Ints
from forecasting.inflow import Inflow, expect_inflow
from forecasting.study import Study

HALF_LIFE = 8.0
"""Months after which a cohort counts half: shorter than for hazards, because no deal of its own tells of a change."""
WEIGHTS = np.array([0.5, 0.4, 0.1])
"""Of the lag curve, the usual and last year's figures, where all have erred alike."""
USUAL_MONTHS = 24
"""Months whose mean is the usual: two whole years, so that seasons cancel out."""
LEARNED_FROM = 12
"""Past month ends by whose errors the weights are tilted."""
MOST_TILTED = 100.0
"""An opinion that never erred is not all there is."""


@dataclass(frozen=True)
class LagCurve:
    """By months since creation l = 0 … 8, per deal created: value won, squared value won, number won."""

    value: Floats
    squared: Floats
    count: Floats


@dataclass(frozen=True)
class NewBusiness:
    """revenue, variance: (9) expected revenue of each month ahead and the variance of which deals come and win;
    inflow: what the deals per month were expected to be; weights: of the three opinions, (3, 9)."""

    revenue: Floats
    variance: Floats
    inflow: Inflow
    weights: Floats


def new_business(s: Study, as_of: int, rhythm: Floats, break_rule: bool = True) -> NewBusiness:
    """What deals created or reopened after month `as_of` will bring in each of the nine months after it.

    rhythm: calendar factor of as_of + 1 … as_of + 9, then of the 12 months that end with as_of.
    """
    curve, variance, inflow = _by_curve(s, as_of, rhythm, break_rule)
    usually, months = usual(s, as_of, inflow.restarted)
    year_ago = None if inflow.restarted else last_years(s, as_of)
    said = np.stack([curve, usually * rhythm[:HORIZONS], np.zeros(HORIZONS) if year_ago is None else year_ago])
    weights = _tilted(s, as_of, break_rule) * np.stack(
        [np.ones(HORIZONS), months / USUAL_MONTHS, np.full(HORIZONS, float(year_ago is not None))]
    )
    weights = weights / weights.sum(axis=0)
    return NewBusiness((weights * said).sum(axis=0), variance, inflow, weights)


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


def usual(s: Study, as_of: int, restarted: int = 0) -> tuple[Floats, Ints]:
    """What the component brought 1 … 9 months on, (9), mean of the last 24 months won by as_of; and of how many, (9).

    restarted: months since the level of inflow broke (0: it did not); what was expected before then is no guide."""
    by_month = s.kept(("new by month",), lambda: _new_by_month(s))
    past = max(as_of - s.first_won, 0)
    # h + 1 months after a month end that had wins to look back on
    months = np.clip(min(past, restarted or past) - np.arange(HORIZONS), 0, USUAL_MONTHS)
    won = [by_month[past + 1 - count : past + 1, h] for h, count in enumerate(months)]
    return np.array([part.sum() / max(len(part), 1) for part in won]), months


def _new_by_month(s: Study) -> Floats:
    """Value won in each month from the first win on (rows) by deals created in it or up to 0 … 8 months before it."""
    months = s.wins.end - s.first_won
    lag = s.wins.end - s.wins.start
    size = max(int(months.max(initial=-1)), s.last_month - s.first_won, -1) + 1  # months without a win are zeros, too
    inside = (months >= 0) & (lag >= 0) & (lag < HORIZONS)
    cell = months[inside] * HORIZONS + lag[inside]
    return np.cumsum(np.bincount(cell, s.wins.value[inside], size * HORIZONS).reshape(size, HORIZONS), axis=1)


def last_years(s: Study, as_of: int) -> Floats | None:
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


def _tilted(s: Study, as_of: int, break_rule: bool) -> Floats:
    """Weights of the opinions, (3, 1): those that stand here × what the curve erred (squared) at the month ends of the
    last year over what each opinion did there, where it had one."""
    errors = np.zeros((2, 2))  # of the usual and last year's; own and the curve's
    for past in range(max(as_of - LEARNED_FROM, s.first_won), as_of):
        curve, others, told = s.kept(("opinions", past, break_rule), partial(_opinions, s, past, break_rule))
        seen = min(HORIZONS, as_of - past)
        came = new_revenue_after(s, past, as_of)[:seen]
        told = told[:, :seen]
        errors[:, 0] += ((others[:, :seen] - came) ** 2 * told).sum(axis=1)
        errors[:, 1] += ((curve[:seen] - came) ** 2 * told).sum(axis=1)
    own, curves = np.maximum(errors.T, 1e-9)
    ratio = np.clip(curves / own, 1 / MOST_TILTED, MOST_TILTED)
    return np.asarray((WEIGHTS * np.array([1.0, *ratio]))[:, None])


def _opinions(s: Study, as_of: int, break_rule: bool) -> tuple[Floats, Floats, Bools]:
    """As of a past month end, without the calendar (which all would need): the curve's, (9), the usual and last year's,
    (2, 9), and where they had something to say."""
    curve, _, inflow = _by_curve(s, as_of, np.ones(HORIZONS + 12), break_rule)
    usually, months = usual(s, as_of, inflow.restarted)
    year_ago = last_years(s, as_of)
    others = np.stack([usually, np.zeros(HORIZONS) if year_ago is None else year_ago])
    return curve, others, np.stack([months > 0, np.full(HORIZONS, year_ago is not None)])

"""Revenue from the deals open at a month end: probability of each month × amount at close."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from forecasting.hazards import (
    HORIZONS,
    Hazards,
    endings,
    fit_hazards,
    landmark_weights,
    log_loss,
    outcome_probabilities,
    weigh,
)
from forecasting.histories import Bools, Floats, Ints
from forecasting.rhythm import closing_rhythm
from forecasting.strata import ORDERS, amount_cuts, cells_of
from forecasting.study import Study

LOOK_BACK = (2, 4, 6)
"""Month ends, that long ago, whose predictions decide between the two orders of strata."""
AMOUNT_NOISE = 1.15
"""E[(amount at close)²] over the square of the expected amount."""
DEALS_WORTH = 15.0
"""Average deals' worth of evidence before amounts at close are believed to differ from amounts while open."""
RHYTHM_MONTHS, FACTOR_MONTHS = 60, 12
"""Months looked back at for the calendar's factor, and for won over expected value."""


@dataclass(frozen=True)
class OpenPipeline:
    """Deals open at a month end. spell: (deals) index into the study's spells; won, lost: (deals, 9) probability of
    each month; amount: (deals) expected amount if won; value_factor: won over expected value of the last year,
    applied to `revenue` and to the amounts alike; rhythm: (9) calendar factor of each target month."""

    spell: Ints
    won: Floats
    lost: Floats
    amount: Floats
    value_factor: float
    rhythm: Floats

    def those(self, mine: Bools) -> OpenPipeline:
        """Those deals alone."""
        return replace(self, spell=self.spell[mine], won=self.won[mine], lost=self.lost[mine], amount=self.amount[mine])

    @property
    def revenue(self) -> Floats:
        """Expected revenue of each deal and month, (deals, 9)."""
        return self.won * self.amount[:, None]

    @property
    def variance(self) -> Floats:
        """Variance of the revenue of each deal and month, (deals, 9)."""
        return AMOUNT_NOISE * self.won * self.amount[:, None] ** 2 - self.revenue**2


@dataclass(frozen=True)
class _Fit:
    """Hazards of the cells in each order of strata. learned, here: cell of each landmark and of each open deal."""

    hazards: tuple[Hazards, ...]
    learned: Ints
    here: Ints


def open_pipeline(s: Study, as_of: int, rhythm_on: bool = True) -> OpenPipeline:
    """The deals open at the last instant of month `as_of`, with what was known then."""
    order = best_order(s, as_of)
    fit = _fit(s, as_of)
    hazards, here = fit.hazards[order], s.open_at(as_of)
    recent = s.landmarks_since(as_of, as_of - RHYTHM_MONTHS)
    one_step = hazards.win[fit.learned[len(fit.learned) - (recent.stop - recent.start) :], 0]
    rhythm = target_rhythm(s, as_of, one_step) if rhythm_on else np.ones(HORIZONS + 12)
    won, lost = outcome_probabilities(hazards.win, hazards.lose, rhythm[:HORIZONS])
    last_year = s.landmarks_since(as_of, as_of - FACTOR_MONTHS)
    size = last_year.stop - last_year.start
    amounts = expected_amounts(s, as_of, slice(last_year.start, here.stop))
    factor = _value_factor(s, last_year, one_step[len(one_step) - size :], amounts[:size])
    return OpenPipeline(s.panel.spell[here], won[fit.here], lost[fit.here], amounts[size:] * factor, factor, rhythm)


def best_order(s: Study, as_of: int) -> int:
    """Index into ORDERS of the one whose predictions from 2, 4 and 6 months ago came out better."""
    losses = np.zeros(len(ORDERS))
    for position, back in enumerate(LOOK_BACK):
        if as_of - back > s.first_won + 2:
            losses += _losses(s, as_of - back)[position]
    return int(np.argmin(losses))


def _losses(s: Study, as_of: int) -> Floats:
    """Log losses of the predictions made at as_of as judged 2, 4 and 6 months later (used only then), (3, orders)."""
    key = ("losses", as_of)
    if key not in s.memo:
        _fit(s, as_of)
    found: Floats = s.memo[key]
    return found


def _fit(s: Study, as_of: int) -> _Fit:
    """Of the fits only the last one asked for is kept, of all of them their losses: they are large."""
    last = s.memo.get(("fit", 0))
    if last is None or last[0] != as_of:
        fit = _fit_anew(s, as_of)
        s.memo[("losses", as_of)] = _losses_of(s, as_of, fit)
        s.memo[("fit", 0)] = last = (as_of, fit)
    found: _Fit = last[1]
    return found


def _fit_anew(s: Study, as_of: int) -> _Fit:
    learned, here = s.landmarks(as_of), s.open_at(as_of)
    both = slice(learned.start, here.stop)
    cells = cells_of(s.fixed, both, s.panel.amount[both], amount_cuts(s.panel.amount[learned]))
    size = learned.stop - learned.start
    weighed = weigh(cells.cell[:size], len(cells), s.endings_at(as_of), landmark_weights(s.panel.month[learned], as_of))
    hazards = tuple(fit_hazards(weighed, cells.levels(order)) for order in ORDERS)
    return _Fit(hazards, cells.cell[:size], cells.cell[size:])


def _losses_of(s: Study, as_of: int, fit: _Fit) -> Floats:
    here = s.open_at(as_of)
    found = np.zeros((len(LOOK_BACK), len(ORDERS)))
    said = [outcome_probabilities(hazards.win, hazards.lose, np.ones(HORIZONS)) for hazards in fit.hazards]
    for position, back in enumerate(LOOK_BACK):
        ending = endings(s.panel.month[here], s.end[here], s.kind[here], back)
        for order, (won, lost) in enumerate(said):
            found[position, order] = log_loss(won, lost, fit.here, ending, back)
    return found


def target_rhythm(s: Study, as_of: int, one_step: Floats) -> Floats:
    """Calendar factor of the months as_of + 1 … as_of + 9, then of the 12 months that end with as_of.

    one_step: probability of a win in the next month of the landmarks of the last RHYTHM_MONTHS months."""
    rows = s.landmarks_since(as_of, as_of - RHYTHM_MONTHS)
    months = np.arange(max(s.first_won, as_of - RHYTHM_MONTHS), as_of)
    lead = s.panel.month[rows] - (months[0] if len(months) else 0)
    expected = np.bincount(lead, one_step, len(months)).astype(np.float64)
    counted = np.bincount(lead, s.won_next(rows), len(months)).astype(np.float64)
    targets = np.concatenate((as_of + 1 + np.arange(HORIZONS), as_of - 11 + np.arange(12)))
    return closing_rhythm(months + 1, counted, expected, targets)


def expected_amounts(s: Study, as_of: int, rows: slice) -> Floats:
    """Amount at close expected of each panel row, were it won: as-of amount × the stage's ratio, shrunk; for an
    unknown or zero amount the mean won amount of rows like it (learned through as_of)."""
    panel, learned = s.panel, s.landmarks(as_of)
    low, high = np.searchsorted(s.won_rows, [learned.start, learned.stop])
    won = s.won_rows[low:high]
    won = won[s.end[won] <= as_of]
    weight = landmark_weights(panel.month[won], as_of)
    before, value, stage = panel.amount[won], s.spells.value[panel.spell[won]], panel.stage[won]
    positive = before > 0
    mean = float((weight * value).sum() / max(weight.sum(), 1e-9))
    base_value, base_amount = (weight * value)[positive].sum(), (weight * before)[positive].sum()
    overall = (base_value + DEALS_WORTH * mean) / (base_amount + DEALS_WORTH * mean) if mean > 0 else 1.0
    above = np.bincount(stage[positive], (weight * value)[positive], s.stages) + DEALS_WORTH * mean * overall
    below = np.bincount(stage[positive], (weight * before)[positive], s.stages) + DEALS_WORTH * mean
    ratio = above / below if mean > 0 else np.ones(s.stages)
    amount = panel.amount[rows]
    unknown = _mean_of(value, weight, np.isnan(before), mean)
    zero = _mean_of(value, weight, before == 0, 0.0)
    return np.where(np.isnan(amount), unknown, np.where(amount > 0, amount * ratio[panel.stage[rows]], zero))


def _mean_of(value: Floats, weight: Floats, which: Floats, otherwise: float) -> float:
    inside = weight[which]
    return float(((inside * value[which]).sum() + DEALS_WORTH * otherwise) / (inside.sum() + DEALS_WORTH))


def _value_factor(s: Study, rows: slice, one_step: Floats, amounts: Floats) -> float:
    """Value won one step ahead in the last 12 months over value expected, shrunk by 15 average deals.

    Large deals win less often than small ones; counts do not show it. rows, one_step, amounts: the year's landmarks."""
    value = s.spells.value[s.panel.spell[rows]][s.won_next(rows)]
    if len(value) == 0:
        return 1.0
    worth = DEALS_WORTH * value.mean()
    expected = float((one_step * amounts).sum())
    return float((value.sum() + worth) / (expected + worth)) if expected + worth > 0 else 1.0

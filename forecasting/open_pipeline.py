"""Revenue from the deals open at a month end: probability of each month × amount at close."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.hazards import HORIZONS, fit_hazards, landmark_weights, log_loss, outcome_probabilities
from forecasting.histories import WON, Floats, Ints
from forecasting.rhythm import closing_rhythm
from forecasting.strata import ORDERS, amount_cuts, levels
from forecasting.study import Study

LOOK_BACK = (2, 4, 6)
"""Month ends, that long ago, whose predictions decide between the two orders of strata."""
DEALS_WORTH = 15.0
"""Average deals' worth of evidence before amounts at close are believed to differ from amounts while open."""


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

    @property
    def revenue(self) -> Floats:
        """Expected revenue of each deal and month, (deals, 9)."""
        return self.won * self.amount[:, None]


@dataclass(frozen=True)
class _Fit:
    """Hazards in one order of strata. predictions made at as_of: hazards of the open deals; one_step: expected
    win probability in the next month of each landmark; losses: log loss of its predictions after 2, 4, 6 months."""

    win: Floats
    lose: Floats
    one_step: Floats
    losses: tuple[float, ...]


def open_pipeline(s: Study, as_of: int, rhythm_on: bool = True) -> OpenPipeline:
    """The deals open at the last instant of month `as_of`, with what was known then."""
    order = best_order(s, as_of)
    fit = _fit(s, as_of, order)
    learned, here = s.landmarks(as_of), s.open_at(as_of)
    rhythm = target_rhythm(s, as_of, order) if rhythm_on else np.ones(HORIZONS + 12)
    won, lost = outcome_probabilities(fit.win, fit.lose, rhythm[:HORIZONS])
    amounts = expected_amounts(s, as_of, slice(learned.start, here.stop))
    mine = amounts[here.start - learned.start :]
    factor = _value_factor(s, as_of, fit.one_step, amounts[: learned.stop - learned.start])
    return OpenPipeline(s.panel.spell[here], won, lost, mine * factor, factor, rhythm)


def best_order(s: Study, as_of: int) -> int:
    """Index into ORDERS of the one whose predictions from 2, 4 and 6 months ago came out better."""
    losses = np.zeros(len(ORDERS))
    for position, back in enumerate(LOOK_BACK):
        if as_of - back > s.first_won + 2:
            for order in range(len(ORDERS)):
                losses[order] += _fit(s, as_of - back, order).losses[position]
    return int(np.argmin(losses))


def _fit(s: Study, as_of: int, order: int) -> _Fit:
    key = (f"fit{order}", as_of)
    if key not in s.memo:
        s.memo[key] = _fit_anew(s, as_of, order)
    found: _Fit = s.memo[key]
    return found


def _fit_anew(s: Study, as_of: int, order: int) -> _Fit:
    learned, here = s.landmarks(as_of), s.open_at(as_of)
    both = slice(learned.start, here.stop)
    cuts = amount_cuts(s.panel.amount[learned])
    strata = levels(s.panel, both, cuts, ORDERS[order], s.stages, len(s.histories.segments))
    size = learned.stop - learned.start
    hazards = fit_hazards(
        strata, slice(0, size), s.panel.month[learned], s.end[learned], s.kind[learned], as_of
    )  # fmt: skip
    finest = strata.codes[-1]
    win, lose = hazards.win[finest[size:]], hazards.lose[finest[size:]]
    return _Fit(win, lose, hazards.win[finest[:size], 0], _losses(s, here, as_of, win, lose))


def _losses(s: Study, here: slice, as_of: int, win: Floats, lose: Floats) -> tuple[float, ...]:
    """Log losses of the predictions made at as_of as judged 2, 4 and 6 months later (used only then)."""
    won, lost = outcome_probabilities(win, lose, np.ones(HORIZONS))
    stay = s.end[here] - as_of
    return tuple(log_loss(won, lost, stay, s.kind[here], back) for back in LOOK_BACK)


def target_rhythm(s: Study, as_of: int, order: int) -> Floats:
    """Calendar factor of the months as_of + 1 … as_of + 9, then of the 12 months that end with as_of."""
    learned = s.landmarks(as_of)
    months = np.arange(max(s.first_won, as_of - 60), as_of)
    lead = s.panel.month[learned] - (months[0] if len(months) else 0)
    used = lead >= 0
    one_step = _fit(s, as_of, order).one_step
    expected = np.bincount(lead[used], one_step[used], len(months)).astype(np.float64)
    won = (s.end[learned] == s.panel.month[learned] + 1) & (s.kind[learned] == WON)
    counted = np.bincount(lead[used], won[used], len(months)).astype(np.float64)
    targets = np.concatenate((as_of + 1 + np.arange(HORIZONS), as_of - 11 + np.arange(12)))
    return closing_rhythm(months + 1, counted, expected, targets)


def expected_amounts(s: Study, as_of: int, rows: slice) -> Floats:
    """Amount at close expected of each panel row, were it won: as-of amount × the stage's ratio, shrunk; for an
    unknown or zero amount the mean won amount of rows like it (learned through as_of)."""
    panel, learned = s.panel, s.landmarks(as_of)
    kind_won = (s.kind[learned] == WON) & (s.end[learned] <= as_of)
    kind_won &= s.end[learned] - panel.month[learned] <= HORIZONS
    weight = landmark_weights(panel.month[learned], as_of)[kind_won]
    before, value = panel.amount[learned][kind_won], s.spells.value[panel.spell[learned]][kind_won]
    stage = panel.stage[learned][kind_won]
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


def _value_factor(s: Study, as_of: int, one_step: Floats, amounts: Floats) -> float:
    """Value won one step ahead in the last 12 months over value expected, shrunk by 15 average deals.

    Large deals win less often than small ones; counts do not show it."""
    learned = s.landmarks(as_of)
    recent = s.panel.month[learned] >= as_of - 12
    won = recent & (s.end[learned] == s.panel.month[learned] + 1) & (s.kind[learned] == WON)
    value = s.spells.value[s.panel.spell[learned]][won]
    if len(value) == 0:
        return 1.0
    worth = DEALS_WORTH * value.mean()
    expected = float((one_step[recent] * amounts[recent]).sum())
    return float((value.sum() + worth) / (expected + worth)) if expected + worth > 0 else 1.0

"""The simple methods a forecast has to beat. Each: what is known at a month end → the nine months after it."""

from __future__ import annotations

import numpy as np

from forecasting.hazards import HORIZONS
from forecasting.histories import LOST, NEVER, OPEN, WON, Floats, Ints
from forecasting.spells import won_by_month
from forecasting.study import Study

METHODS = ("naive", "mean_3m", "mean_6m", "mean_12m", "seasonal_naive", "weighted_pipeline", "close_rate")


def simple_forecast(s: Study, as_of: int, method: str) -> Floats:
    """Revenue expected of the months as_of + 1 … as_of + 9 by a method of METHODS, (9)."""
    return s.kept((method, as_of), lambda: _simple_forecast(s, as_of, method))


def _simple_forecast(s: Study, as_of: int, method: str) -> Floats:
    if method == "weighted_pipeline":
        return weighted_pipeline(s, as_of)
    if method == "close_rate":
        return close_rate(s, as_of)
    first = min(s.first_won, as_of)
    past = won_by_month(s.wins, first, as_of, known_through=as_of)
    if method == "seasonal_naive":
        return np.array([past[-12 + h % 12] if len(past) >= 12 else past[-1] for h in range(HORIZONS)])
    length = {"naive": 1, "mean_3m": 3, "mean_6m": 6, "mean_12m": 12}[method]
    return np.full(HORIZONS, past[-length:].mean())


def weighted_pipeline(s: Study, as_of: int) -> Floats:
    """Σ amount × probability of the open deals expected to close in each month; overdue ones and those without a
    date are left out. The CRM's probability where it gives one, else the share of earlier entries into the deal's
    stage that had been won by the end of as_of."""
    here = s.open_at(as_of)
    rate = won_share_of_entries(s, as_of)
    given = s.panel.probability[here]
    probability = np.where(np.isnan(given), rate[s.panel.stage[here]], given)
    due = s.panel.due[here]
    inside = (due >= 1) & (due <= HORIZONS)
    worth = np.nan_to_num(s.panel.amount[here]) * probability
    return np.bincount(due[inside] - 1, worth[inside], HORIZONS).astype(np.float64)


def won_share_of_entries(s: Study, as_of: int) -> Floats:
    """Of the entries into each stage through as_of, the share whose deal had been won by the end of as_of."""
    stage, month, won_month = s.kept(("entries",), lambda: _entries(s))
    known = month <= as_of
    entries = np.bincount(stage[known], minlength=s.stages)
    won = np.bincount(stage[known], won_month[known] <= as_of, s.stages)
    return np.asarray(won / np.maximum(entries, 1))


def _entries(s: Study) -> tuple[Ints, Ints, Ints]:
    """Entries into open stages: the stage, the month, and the first month a won row of that deal stands in."""
    h = s.histories
    rows, wins = np.flatnonzero(h.is_entry & (h.kind == OPEN)), np.flatnonzero(h.kind == WON)
    first_won = np.full(int(h.deal.max()) + 1 if len(h) else 1, NEVER)
    np.minimum.at(first_won, h.deal[wins], s.row_months[wins])
    return h.stage[rows], s.row_months[rows], first_won[h.deal[rows]]


def close_rate(s: Study, as_of: int) -> Floats:
    """Win rate of closed deals by the stage they passed × amount, spread over the months it took those that won."""
    here, learned = s.open_at(as_of), slice(0, int(np.searchsorted(s.panel.month, as_of)))
    stage, end, kind = s.panel.stage[learned], s.end[learned], s.kind[learned]
    closed = end <= as_of
    won = closed & (kind == WON)
    lost = closed & (kind == LOST)
    wait = np.clip(end - s.panel.month[learned], 1, HORIZONS + 1)
    wins, losses = (np.bincount(stage[which], minlength=s.stages) for which in (won, lost))
    rate = wins / np.maximum(wins + losses, 1)
    spread = np.bincount(stage[won] * (HORIZONS + 2) + wait[won], minlength=s.stages * (HORIZONS + 2))
    share = spread.reshape(s.stages, -1)[:, 1 : HORIZONS + 1] / np.maximum(wins, 1)[:, None]
    mine = s.panel.stage[here]
    worth = np.nan_to_num(s.panel.amount[here]) * rate[mine]
    return np.asarray((worth[:, None] * share[mine]).sum(axis=0))

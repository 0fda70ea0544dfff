"""What a reader of a vintage has to know about the data under it, in words: null where there is nothing to say."""

from __future__ import annotations

import numpy as np

from forecasting.histories import LOST, WON
from forecasting.study import Study, wins_known
from forecasting.vintage import Point

WHALE = 0.25
"""Share of what all open deals are expected to bring from which one deal is named."""
UNKNOWN_AMOUNTS = 0.2
"""Share of open deals without an amount, or with zero, from which it is said."""
CLEAN_UP = 5.0, 50
"""Losses of a month that are a clean-up: times the median of the twelve months before, and at least so many."""
SILENCE = 6
"""Months without a win from which it is said."""


def notes(s: Study, p: Point) -> str | None:
    """Sentences about the vintage's data, joined by '; '."""
    said = [*_cold(p), *_whale(p), *_unknown(s, p), *_inflow(p), *_clean_up(s, p.as_of), *_silence(s, p.as_of)]
    return "; ".join(said) or None


def _cold(p: Point) -> list[str]:
    return ["little history: simpler method, intervals × 1.25"] if p.is_cold else []


def _whale(p: Point) -> list[str]:
    by_deal = p.opened.revenue.sum(axis=1)
    total = by_deal.sum()
    if len(by_deal) < 2 or total <= 0 or by_deal.max() < WHALE * total:
        return []
    return [f"one deal is {by_deal.max() / total:.0%} of what open deals are expected to bring"]


def _unknown(s: Study, p: Point) -> list[str]:
    amount = s.panel.amount[s.open_at(p.as_of)]
    share = float((~(amount > 0)).mean()) if len(amount) else 0.0
    return [f"{share:.0%} of open deals have no amount"] if share >= UNKNOWN_AMOUNTS else []


def _inflow(p: Point) -> list[str]:
    since = p.new.inflow.restarted
    return [f"new deals a month changed level {since} months ago: earlier months are left out"] if since else []


def _clean_up(s: Study, as_of: int) -> list[str]:
    lost = s.spells.end_kind == LOST
    ago = as_of - s.spells.end[lost]
    by_month = np.bincount(ago[(ago >= 0) & (ago <= 12)], minlength=13)
    times, least = CLEAN_UP
    usual = float(np.median(by_month[1:]))
    if by_month[0] < max(times * usual, least):
        return []
    return [f"{by_month[0]:,} deals were lost in the month, usually {usual:,.0f}: taken for a clean-up of old ones"]


def _silence(s: Study, as_of: int) -> list[str]:
    ends = s.spells.end[(s.spells.end_kind == WON) & (s.spells.end <= as_of)]
    months = as_of - int(ends.max()) if wins_known(s, as_of) else 0
    return [f"nothing won for {months} months"] if months >= SILENCE else []

"""What a reader of a vintage has to know about the data under it, in words: null where there is nothing to say."""

from __future__ import annotations

import numpy as np

from forecasting.histories import LOST, WON, Ints, month_of
from forecasting.study import Study, wins_known
from forecasting.vintage import Point

WHALE = 0.25
"""Share of what all open deals are expected to bring from which one deal is named."""
UNKNOWN_AMOUNTS = 0.2
"""Share of open deals without an amount, or with zero, from which it is said."""
ENOUGH = 30
"""Deals below which nothing is said of their dates or stages."""
PLACEHOLDERS = 0.6
"""Share of close dates on a month's last day from which it is said (by chance it is one in thirty)."""
YEAR, IN_SUCH_STAGES = 12, 0.05
"""Months looked back at, and share of open deals from which stages are named."""
CLEAN_UP = 5.0, 50
"""Losses of a month that are a clean-up: times the median of the twelve months before, and at least so many."""
SILENCE = 6
"""Months without a win from which it is said."""


def notes(s: Study, p: Point) -> str | None:
    """Sentences about the vintage's data, joined by '; '."""
    said = [*_cold(p), *_whale(p), *_unknown(s, p), *_dates(s, p.as_of), *_stages(s, p.as_of), *_inflow(p)]
    said += [*_clean_up(s, p.as_of), *_silence(s, p.as_of)]
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
    if share < UNKNOWN_AMOUNTS:
        return []
    return [f"{share:.0%} of open deals have no amount, or none that a rate converts: taken to be as earlier ones"]


def _dates(s: Study, as_of: int) -> list[str]:
    close = s.histories.close_date[s.panel.row[s.open_at(as_of)]]
    close = close[~np.isnat(close)]
    if len(close) < ENOUGH:
        return []
    share = float((month_of(close + np.timedelta64(1, "D")) > month_of(close)).mean())
    return [f"{share:.0%} of close dates are a month's last day: read to the month"] if share >= PLACEHOLDERS else []


def _stages(s: Study, as_of: int) -> list[str]:
    """Of the stages that were there a year ago: those nothing has left since, and those that led to losses only."""
    here, before = (np.bincount(s.panel.stage[s.open_at(at)], minlength=s.stages) for at in (as_of, as_of - YEAR))
    left, month = s.kept(("left",), lambda: _left(s))
    lately = np.bincount(left[(month > as_of - YEAR) & (month <= as_of)], minlength=s.stages)
    stuck = (before > 0) & (lately == 0)
    rows = s.landmarks_since(as_of, as_of - 2 * YEAR)
    ended = s.end[rows] <= as_of
    lost, won = (
        np.bincount(s.panel.stage[rows][ended & (s.kind[rows] == way)], minlength=s.stages) for way in (LOST, WON)
    )
    hopeless = ~stuck & (lost >= ENOUGH) & (won == 0)
    return [
        f"{share:.0%} of open deals stand in stages {what}"
        for which, what in ((stuck, "that nothing left for a year"), (hopeless, "in which deals were only ever lost"))
        if (share := float(here[which].sum() / max(here.sum(), 1))) >= IN_SUCH_STAGES
    ]


def _left(s: Study) -> tuple[Ints, Ints]:
    """Moves out of a stage (to another or to an end): the stage left and the month."""
    h = s.histories
    rows = np.flatnonzero(h.is_entry & ~h.is_first)
    return h.stage[rows - 1], s.row_months[rows]


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

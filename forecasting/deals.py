"""What is to be expected of each open deal: odds by 30, 60, 90 days and in the end, amount, month, push."""

from __future__ import annotations

from typing import Any

import numpy as np

from forecasting.current import Moment
from forecasting.hazards import HORIZONS
from forecasting.histories import NO_MONTH
from forecasting.study import Study
from forecasting.vintage import Point


def outlook(s: Study, p: Point, now: Moment, deals: np.ndarray) -> dict[str, Any]:
    """Columns with one row a deal open now, from a study of months that begin at `now` (30.4 days each).

    p_won, p_lost, p_open: by the end of nine months; win_30d, win_60d, win_90d: odds of a win within one, two and
    three months; amount_if_won; forecast: expected revenue over the nine months; p_push: probability that the deal is
    still open after its expected close month (1 where that is past, NaN without one); target_month: likeliest month
    of a win.
    """
    opened = p.opened
    won, lost = opened.won.cumsum(axis=1), opened.lost.cumsum(axis=1)
    due = s.panel.due[s.open_at(p.as_of)]
    by_due = np.clip(due, 1, HORIZONS) - 1
    rows = np.arange(len(due))
    push = 1 - won[rows, by_due] - lost[rows, by_due]
    push = np.where(due == NO_MONTH, np.nan, np.where(due < 1, 1.0, push))
    return {
        "record": "outlook", "deal_key": deals[s.spells.deal[opened.spell]],
        "target_month": now.month + np.argmax(opened.won, axis=1), "p_won": won[:, -1], "p_lost": lost[:, -1],
        "p_open": 1 - won[:, -1] - lost[:, -1], "win_30d": won[:, 0], "win_60d": won[:, 1], "win_90d": won[:, 2],
        "forecast": opened.revenue.sum(axis=1), "amount_if_won": opened.amount, "p_push": push,
    }  # fmt: skip

"""Small pipelines made of whole lives, and the benchmark's generated ones, kept by (kind, seed)."""

from functools import cache

import numpy as np

from benchmarks.forecast_worlds import world
from forecasting.histories import LOST, NO_MONTH, OPEN, WON, Histories, histories, month_of

KINDS = {"open": OPEN, "won": WON, "lost": LOST}


@cache
def generated(kind: str, seed: int = 11) -> Histories:
    return world(kind, seed)


def last_month(h: Histories) -> int:
    return int(month_of(h.at).max())


def of(rows: list[tuple], segments: tuple[str, ...] = ("all",)) -> Histories:
    """(deal, 'YYYY-MM-DD', stage, kind, amount[, close date[, segment]]) → histories."""
    full = [(*row, *(None, 0)[len(row) - 5 :]) for row in rows]
    due = month_of(np.array([row[5] or "NaT" for row in full], dtype="datetime64[us]"))
    return histories(
        np.array([row[0] for row in full]),
        np.array([row[1] for row in full], dtype="datetime64[us]"),
        np.array([row[2] for row in full]),
        np.array([KINDS[row[3]] for row in full]),
        np.array([np.nan if row[4] is None else row[4] for row in full], dtype=float),
        np.where(due < 0, NO_MONTH, due),
        segment=np.array([row[6] for row in full]),
        segments=segments,
    )

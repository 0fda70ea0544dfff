"""Whether intervals hold as often as they claim, judged on vintages that have matured."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from forecasting.hazards import HORIZONS
from forecasting.histories import Bools, Floats
from forecasting.intervals import LEVELS, at_scores
from forecasting.spells import won_by_month
from forecasting.study import Study
from forecasting.vintage import WARM_UP, outline, scores_at

BAND = (0.60, 0.95)
"""Share of matured targets inside [p10, p90] that still counts as calibrated."""
WINDOW = 24
"""Month ends looked back at."""
ENOUGH = 12
"""Month ends with a matured target below which nothing can be said: targets of one month end err together."""


def interval_scores(s: Study, as_of: int) -> Floats:
    """Scores of p10, p50, p90 for each horizon, (9, 3), as calibrated at as_of."""
    return s.kept(("scores", as_of), lambda: scores_at(s, as_of, LEVELS))


def covered(s: Study, as_of: int) -> tuple[Floats, Floats]:
    """Matured targets of the last 24 month ends by horizon: how many, and how many fell inside their interval."""
    n, inside = np.zeros(HORIZONS), np.zeros(HORIZONS)
    for origin in range(max(s.first_won + WARM_UP - 1, as_of - WINDOW), as_of):
        seen = min(HORIZONS, as_of - origin)
        low_high = at_scores(*outline(s, origin), interval_scores(s, origin))[:seen]
        came = won_by_month(s.wins, origin + 1, origin + seen, known_through=as_of)
        n[:seen] += 1
        inside[:seen] += (came >= low_high[:, 0]) & (came <= low_high[:, 2])
    return n, inside


def is_within_calibration(s: Study, as_of: int) -> Bools:
    """For each horizon, whether the coverage of its band of horizons (1-3, 4-9) lies in BAND; true while too few
    have matured to tell."""
    return within_band(*covered(s, as_of), (slice(0, 3), slice(3, HORIZONS)))


def within_band(n: Floats, inside: Floats, bands: Iterable[slice]) -> Bools:
    """For each horizon whether the coverage of its band lies in BAND; true while too few have matured to tell.

    n, inside: by horizon, how many targets and how many of them fell inside their interval."""
    good = np.ones(len(n), dtype=bool)
    for band in bands:
        if n[band].max() >= ENOUGH:
            good[band] = BAND[0] <= inside[band].sum() / n[band].sum() <= BAND[1]
    return good

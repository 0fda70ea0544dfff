"""The running month and the nine after it, from any instant: months that begin at that instant, cut at month ends.

Learning needs month ends. For an instant inside a month all histories are moved back by the time since the month
began, so that the instant falls on a month end; a *shifted* month then runs from its day of one month to the same day
of the next. What was won of a shifted month before the calendar's month end, on average over the last twelve, says how
to cut the forecast at the calendar's months again (`running`, which also calibrates it on the same day of past months).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from forecasting.hazards import HORIZONS
from forecasting.histories import LOST, WON, Floats, Histories
from forecasting.intervals import at_scores
from forecasting.segments import Part
from forecasting.spells import Spells, won_by_month

MONTHS = HORIZONS + 1
"""The running month and the nine after it."""


@dataclass(frozen=True)
class Moment:
    """An instant (naive, reporting time zone) inside a month. month: the running one; shift: time since it began;
    shifted_as_of: the month number that ends with the instant once everything is moved back by `shift`."""

    at: np.datetime64
    month: int
    shift: np.timedelta64
    shifted_as_of: int


def moment(at: np.datetime64) -> Moment:
    """The running month at an instant; at a month's first instant that month, all of it ahead."""
    month = int(at.astype("datetime64[M]").astype(np.int64)) + 1970 * 12
    begun = at.astype("datetime64[M]").astype("datetime64[us]")
    return Moment(at, month, at - begun, month - 1)


def cut_at_months(values: Floats, share: float) -> Floats:
    """(…, 9) of shifted months → (…, 10) of calendar months 0 … 9; the tenth shifted month is like the ninth.

    For means, and for the variances of independent deals, which a share of a month has in proportion as well."""
    longer = np.concatenate((values, values[..., -1:]), axis=-1)
    later = (1 - share) * longer[..., :-1] + share * longer[..., 1:]
    return np.concatenate((share * values[..., :1], later), axis=-1)


@dataclass(frozen=True)
class Current:
    """Per component the mean and [p10, p50, p90] of months 0 … 9: (10) and (10, 3)."""

    mean: dict[str, Floats]
    quantiles: dict[str, Floats]


def current_of(part: Part, booked: Floats, share: float, scores: Floats) -> Current:
    """A vintage of shifted months as calendar months. booked: (10) won already, month 0 included; scores: (10, k)
    calibrated scores of the calendar's months."""
    mean = {"booked": booked}
    quantiles = {"booked": np.repeat(booked[:, None], 3, axis=1)}
    common = np.concatenate((part.shared[:1], part.shared))
    total, variance = booked.copy(), np.zeros(MONTHS)
    for component in ("open_pipeline", "new_business"):
        expected = cut_at_months(part.mean[component], share)
        noise = cut_at_months(part.variance[component], share)
        mean[component] = expected
        quantiles[component] = at_scores(expected, np.sqrt(noise + (common * expected) ** 2), scores)
        total, variance = total + expected, variance + noise
    mean["total"] = total
    # what is won already is certain: only the rest varies
    rest = total - booked
    quantiles["total"] = booked[:, None] + at_scores(rest, np.sqrt(variance + (common * rest) ** 2), scores)
    return Current(mean, quantiles)


def standing_wins(h: Histories, x: Spells) -> Spells:
    """Wins as fct_won_revenue has them at the last row: the month is that of the close date as it stands now, and a
    win that was undone since is none. x: spells of h."""
    newest = h.is_last
    month = h.revenue_month[newest][np.searchsorted(h.deal[newest], x.deal)]
    won = x.end_kind == WON
    return replace(
        x,
        end_kind=np.where(won & ~x.stands, LOST, x.end_kind),
        revenue_month=np.where(won & x.stands, month, x.revenue_month),
    )


def booked_from(x: Spells, now: Moment, segment: int | None = None) -> Floats:
    """Won before `now` with revenue of the running month and the nine after it, (10). `x`: unshifted, of what had
    happened before `now`."""
    return won_by_month(x, now.month, now.month + HORIZONS, segment=segment)

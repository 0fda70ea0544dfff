"""The running month of past months on the same day: what its figures of today are calibrated on and judged by.

A study of shifted months (see `current`) holds every earlier month on the same day. What each of those days said of the
calendar's months 0 … 9, cut by the share that was known then, stands against what was won of them afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from forecasting.backtest import FIRST_ORIGIN_WINS, Judged
from forecasting.calibration import WINDOW, within_band
from forecasting.current import MONTHS, Moment, cut_at_months, moment
from forecasting.histories import NEVER, WON, Bools, Floats, Histories, Ints, Times, month_of, month_start
from forecasting.intervals import LEVELS, at_scores, calibrated_scores, neighbours, standardised
from forecasting.spells import Spells
from forecasting.study import Study, study
from forecasting.vintage import CALIBRATION_MONTHS, COLD_WIDENING, SHARED, WARM_UP, has_forecast, is_cold, outline

CUT_MONTHS = 12
CUT_WORTH = 6.0
"""Average months' worth of the plain share of days in the share of value won before the month's end."""
DAYS = (5, 10, 15, 20)
"""Days of a month that the backtest starts on, as they begin."""
BANDS = (slice(0, 1), slice(1, 4), slice(4, MONTHS))
BEGINNING = np.array("0001-01-01", dtype="datetime64[us]")


@dataclass(frozen=True)
class Wins:
    """Won spells in calendar time: instant, month the revenue belongs to, value, whether it still stands."""

    at: Times
    month: Ints
    value: Floats
    stands: Bools

    def between(self, start: Times, end: Times, first: int) -> Floats:
        """Revenue of months first … first + 9 of wins from start until before end, (10)."""
        return self._by_month((self.at >= start) & (self.at < end), first)

    def standing(self, first: int) -> Floats:
        """Revenue of months first … first + 9 of the wins that stand, (10)."""
        return self._by_month(self.stands, first)

    def _by_month(self, those: Bools, first: int) -> Floats:
        mine = those & (self.month >= first) & (self.month < first + MONTHS)
        return np.bincount(self.month[mine] - first, self.value[mine], MONTHS).astype(np.float64)


@dataclass(frozen=True)
class Running:
    """shifted: study of months that begin `shift` after the calendar's; wins: of the histories as they are; whole:
    value won in the shifted month that begins in each calendar month from `first` on; before: the part of it that came
    before the calendar month's end."""

    shifted: Study
    shift: np.timedelta64
    wins: Wins
    first: int
    whole: Floats
    before: Floats

    def starts(self, month: int) -> Times:
        """The instant of a month (no dimension)."""
        return np.asarray(month_start(month) + self.shift)


def running(h: Histories, x: Spells, now: Moment) -> Running:
    """The day of `now` in every month. x: spells of h; what happens from `now` on is in no figure."""
    s = study(h.shifted(now.shift), now.shifted_as_of)
    won = np.flatnonzero(x.end_kind == WON)
    wins = Wins(h.at[x.last_row[won]], x.revenue_month[won], x.value[won], x.stands[won])
    month, begun = month_of(wins.at), month_of(wins.at - now.shift)
    first = int(begun.min(initial=now.month))
    size = int(begun.max(initial=now.month)) - first + 1
    whole, before = (
        np.bincount(begun - first, value, size).astype(np.float64)
        for value in (wins.value, wins.value * (month == begun))
    )
    return Running(s, now.shift, wins, first, whole, before)


def share_at(r: Running, month: int) -> float:
    """Of the value won in the month that follows the instant of `month`, the share before the calendar month's end: as
    in the 12 months before, shrunk to the share of days."""
    days = (month_start(month + 1) - r.starts(month)) / np.timedelta64(1, "D")
    plain = float(np.clip(days / 30.4375, 0, 1))
    year = slice(max(month - CUT_MONTHS - r.first, 0), max(month - r.first, 0))
    before, whole = float(r.before[year].sum()), float(r.whole[year].sum())
    worth = CUT_WORTH * whole / CUT_MONTHS
    return float(np.clip((before + worth * plain) / (whole + worth), 0, 1)) if whole > 0 else plain


def rest(r: Running, month: int) -> tuple[Floats, Floats]:
    """Mean and standard deviation, before recalibration, of what is won of the months from `month` on after its
    instant, (10) each."""
    return r.shifted.kept(("rest", month), lambda: _rest(r, month))


def _rest(r: Running, month: int) -> tuple[Floats, Floats]:
    total, deviation = outline(r.shifted, month - 1)
    share = share_at(r, month)
    mean = cut_at_months(total, share)
    noise = cut_at_months(deviation**2 - (SHARED * total) ** 2, share)
    return mean, np.sqrt(np.maximum(noise, 0) + (np.concatenate((SHARED[:1], SHARED)) * mean) ** 2)


def past_errors(r: Running, month: int) -> tuple[Floats, Ints, Ints]:
    """z, horizon (0 … 9) and age of every month complete by the instant of `month`, as the same day of the last 36
    months had forecast it. Days that a month does not have teach nothing."""
    return r.shifted.kept(("same day", month), lambda: _past_errors(r, month))


def _past_errors(r: Running, month: int) -> tuple[Floats, Ints, Ints]:
    scores, horizons, ages = [np.zeros(0)], [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for past in range(max(r.shifted.first_won + WARM_UP, month - CALIBRATION_MONTHS), month):
        if r.starts(past) >= month_start(past + 1):
            continue
        seen = min(MONTHS, month - past)
        came = r.wins.between(r.starts(past), r.starts(month), past)
        scores.append(standardised(came, *rest(r, past))[:seen])
        horizons.append(np.arange(seen))
        ages.append(month - past - 1 - np.arange(seen))
    return np.concatenate(scores), np.concatenate(horizons), np.concatenate(ages)


def running_scores(r: Running, month: int, levels: Floats = LEVELS) -> Floats:
    """Calibrated scores of the calendar's months, (10, levels), learned from the same day of earlier months."""
    z, horizon, age = past_errors(r, month)
    widen = COLD_WIDENING if is_cold(r.shifted, month - 1) else 1.0
    near = [neighbours(horizon, h) for h in range(MONTHS)]
    return np.array([calibrated_scores(z[those], age[those], levels) * widen for those in near])


def is_running_calibrated(r: Running, month: int) -> Bools:
    """For each of the months 0 … 9 whether as many of the targets of the same day of the last 24 months fell between
    p10 and p90 as should, by band (the running month, 1-3, 4-9); true while too few have come to tell."""
    n, inside = np.zeros(MONTHS), np.zeros(MONTHS)
    for past in range(max(r.shifted.first_won + WARM_UP, month - WINDOW), month):
        if r.starts(past) >= month_start(past + 1):
            continue
        low, _, high = at_scores(*rest(r, past), running_scores(r, past)).T
        came, seen = r.wins.between(r.starts(past), r.starts(month), past), min(MONTHS, month - past)
        n[:seen] += 1
        inside[:seen] += ((came >= low) & (came <= high))[:seen]
    return within_band(n, inside, BANDS)


def running_months(r: Running, last_complete: int) -> range:
    """Months whose instant has a year of wins behind it, through the last complete one."""
    first = r.shifted.first_won
    return range(first + FIRST_ORIGIN_WINS, last_complete + 1) if first != NEVER else range(0)


def running_judged(r: Running, months: Iterable[int], last_complete: int, method: str) -> list[Judged]:
    """The company's total as the instant of each of those months had it, against what came (wins that stand).

    as_of is the month the instant lies in, horizon 0 the rest of that month and what was won of it before."""
    found = []
    for month in months:
        if r.starts(month) >= month_start(month + 1) or not has_forecast(r.shifted, month - 1):
            continue
        mean, deviation = rest(r, month)
        booked, came = r.wins.between(BEGINNING, r.starts(month), month), r.wins.standing(month)
        levels = booked[:, None] + at_scores(mean, deviation, running_scores(r, month))
        found += [
            Judged(month, h, "total", "all", "all", method, float(booked[h] + mean[h]), float(came[h]),
                   *(float(q) for q in levels[h]))
            for h in range(min(MONTHS, last_complete - month + 1))
        ]  # fmt: skip
    return found


def days_judged(h: Histories, x: Spells, months: Iterable[int], last_complete: int) -> list[Judged]:
    """The running month and the nine after it as DAYS of those months had them, as methods funnel_day_5 … _20.

    x: spells of h."""
    found = []
    for day in DAYS:
        now = moment(month_start(np.array([last_complete + 1]))[0] + np.timedelta64(day - 1, "D"))
        found += running_judged(running(h, x, now), months, last_complete, f"funnel_day_{day}")
    return found

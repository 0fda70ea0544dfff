"""Fiscal quarters, fiscal years and the months up to a given one: sums over months with quantiles of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from forecasting.current import Current, Moment, cut_at_months
from forecasting.hazards import HORIZONS
from forecasting.histories import WON, Bools, Floats
from forecasting.intervals import at_scores
from forecasting.segments import Part, new_business_shares, parts, whole
from forecasting.simulation import generator, grid, on_marginals, scenarios
from forecasting.spells import Spells
from forecasting.study import Study
from forecasting.vintage import Point, point

LENGTHS = {"fiscal_quarter": 3, "fiscal_year": 12}
QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True)
class Period:
    """kind: fiscal_quarter, fiscal_year or cumulative; first, last: months, of which those from the first one ahead on
    are forecast; is_whole: none of its months lies beyond the forecast's last."""

    kind: str
    first: int
    last: int
    is_whole: bool


class Won:
    """Won revenue of months of a segment (None: all): of wins through a month, or (None) of those that stand now."""

    def __init__(self, x: Spells, segment: int | None, through: int | None) -> None:
        mine = (x.end_kind == WON) & (x.stands if through is None else x.end <= through)
        if segment is not None:
            mine &= x.last_segment == segment
        self.month, self.value = x.revenue_month[mine], x.value[mine]

    def of(self, first: int, last: int) -> float:
        """Of months first … last."""
        return float(self.value[(self.month >= first) & (self.month <= last)].sum())


@dataclass(frozen=True)
class PeriodRow:
    """One period of a vintage (or of the running forecast) and segment. so_far: won before the months ahead;
    expected: so_far and the sum of the monthly means; actual: what came, NaN until the period is over."""

    as_of: int
    period: Period
    segment_type: str
    segment: str
    so_far: float
    expected: float
    p10: float
    p50: float
    p90: float
    actual: float


def periods(first_ahead: int, months: int, fiscal_start: int) -> list[Period]:
    """Periods that have a month among `months` months from first_ahead on. fiscal_start: 1 … 12."""
    end = first_ahead + months - 1
    found = [Period("cumulative", first_ahead, last, True) for last in range(first_ahead, end + 1)]
    for kind, length in LENGTHS.items():
        first = first_ahead - (first_ahead - (fiscal_start - 1)) % length
        for start in range(first, end + 1, length):
            found.append(Period(kind, start, min(start + length - 1, end), start + length - 1 <= end))
    return found


def vintage_periods(
    s: Study, as_of: int, fiscal_start: int, last_complete: int, splits: dict[str, Study] | None = None
) -> list[PeriodRow]:
    """Periods of the vintage of month end as_of: the company's, then each segment's of splits {segment type: study}."""
    p, scores = point(s, as_of), grid(s, as_of)
    found: list[PeriodRow] = []
    for each in each_part(s, p, splits or {}):
        random, mean = generator(as_of, f"{each.kind}/{each.name}"), each.part.mean["total"]
        drawn = scenarios(p, each.mine, each.share, random)
        joint = on_marginals(drawn, at_scores(mean, each.part.deviation("total"), scores), random)
        won, came = (Won(each.study.wins, each.index, through) for through in (as_of, None))
        for period in periods(as_of + 1, HORIZONS, fiscal_start):
            actual = came.of(period.first, period.last) if period.last <= last_complete else float("nan")
            found.append(_row(as_of, period, each, won, mean, joint, as_of + 1, actual))
    return found


@dataclass(frozen=True)
class Each:
    """A segment of a vintage: type, name, study and index in it (None: the company), means and deviations, which open
    deals are its own, its share of new business."""

    kind: str
    name: str
    study: Study
    index: int | None
    part: Part
    mine: Bools | None
    share: float


def each_part(s: Study, p: Point, splits: dict[str, Study]) -> Iterator[Each]:
    """The company, then each segment of each type."""
    yield Each("all", "all", s, None, whole(p), None, 1.0)
    for kind, split in splits.items():
        group = split.panel.segment[split.open_at(p.as_of)]
        shares = new_business_shares(split, p.as_of)
        for i, part in enumerate(parts(split, p)):
            yield Each(kind, split.histories.segments[i], split, i, part, group == i, float(shares[i]))


def current_periods(
    p: Point, each: Each, found: Current, share: float, now: Moment, fiscal_start: int, won: Won
) -> list[PeriodRow]:
    """Periods from the running month on. found: calendar months 0 … 9 at the levels of the grid; share: of a shifted
    month before the calendar's month end; won: what was won before `now`, in calendar months."""
    random = generator(int(now.at.astype("datetime64[D]").astype(int)), f"{each.kind}/{each.name}")
    drawn = scenarios(p, each.mine, each.share, random)
    joint = on_marginals(cut_at_months(drawn, share), found.quantiles["total"], random)
    return [
        _row(now.month, period, each, won, found.mean["total"], joint, now.month, float("nan"))
        for period in periods(now.month, HORIZONS + 1, fiscal_start)
    ]


def _row(
    as_of: int, period: Period, each: Each, won: Won, mean: Floats, joint: Floats, first_ahead: int, actual: float
) -> PeriodRow:
    so_far = won.of(period.first, min(period.last, first_ahead - 1))
    ahead = slice(max(period.first, first_ahead) - first_ahead, period.last - first_ahead + 1)
    low, middle, high = (float(q) for q in np.quantile(joint[:, ahead].sum(axis=1), QUANTILES))
    return PeriodRow(
        as_of, period, each.kind, each.name, so_far, so_far + float(mean[ahead].sum()), so_far + low, so_far + middle,
        so_far + high, actual,
    )  # fmt: skip


def period_columns(rows: Sequence[PeriodRow], record: str) -> dict[str, Any]:
    """Rows as columns of forecasting.tables.COLUMNS."""
    return {
        "record": record, "as_of_month": np.array([row.as_of for row in rows], dtype=int),
        "target_month": np.array([row.period.first for row in rows], dtype=int),
        "last_month": np.array([row.period.last for row in rows], dtype=int),
        "period_type": np.array([row.period.kind for row in rows], dtype=object),
        "is_whole": np.array([row.period.is_whole for row in rows], dtype=float),
        "segment_type": np.array([row.segment_type for row in rows], dtype=object),
        "segment": np.array([row.segment for row in rows], dtype=object),
        "forecast": np.array([row.expected for row in rows], dtype=float),
    } | {
        name: np.array([getattr(row, name) for row in rows], dtype=float)
        for name in ("so_far", "p10", "p50", "p90", "actual")
    }  # fmt: skip

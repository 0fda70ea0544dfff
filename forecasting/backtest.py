"""Rolling-origin backtest: the production functions asked as of each past month end, beside the simple methods."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from forecasting.calibration import interval_scores, is_within_calibration
from forecasting.hazards import HORIZONS
from forecasting.histories import NEVER, WON, Bools, Floats, Ints
from forecasting.intervals import at_scores
from forecasting.notes import notes
from forecasting.scores import pinball
from forecasting.segments import COMPONENTS, Part, parts, whole
from forecasting.simple import METHODS, simple_forecast
from forecasting.spells import Spells
from forecasting.study import Study
from forecasting.vintage import METHOD, has_forecast, point

Others = dict[str, Study] | None
FIRST_ORIGIN_WINS = 12
"""Months of wins before the first origin that is taken unasked."""


@dataclass(frozen=True)
class Row:
    """One figure of a vintage; p10, p50 and p90 of their own (they do not add up over components or segments)."""

    as_of: int
    horizon: int
    component: str
    segment_type: str
    segment: str
    expected: float
    p10: float
    p50: float
    p90: float
    crm_weighted: float
    naive: float
    is_within_calibration: bool
    method_version: str
    note: str | None = None


@dataclass(frozen=True)
class Judged:
    """One figure of one method against what came; p10, p50, p90 are NaN for methods without an interval."""

    as_of: int
    horizon: int
    component: str
    segment_type: str
    segment: str
    method: str
    forecast: float
    actual: float
    p10: float
    p50: float
    p90: float

    @property
    def losses(self) -> tuple[float, float, float]:
        """Pinball losses of p10, p50 and p90 (NaN where there is no interval)."""
        values = zip((0.1, 0.5, 0.9), (self.p10, self.p50, self.p90), strict=True)
        low, middle, high = (
            float(pinball(np.array([self.actual]), np.array([q]), level)[0]) for level, q in values
        )  # fmt: skip
        return low, middle, high


def default_origins(s: Study, last_complete: int) -> range:
    """Every month end with 12 months of wins behind it, up to the last complete month."""
    return range(s.first_won + FIRST_ORIGIN_WINS - 1, last_complete + 1) if s.first_won != NEVER else range(0)


def vintage_rows(
    s: Study, as_of: int, segment_type: str = "segment", others: dict[str, Study] | None = None
) -> list[Row]:
    """All figures of the vintage of month end as_of; none where nothing had been won by then.

    segment_type: what the study's own segments are; others: {segment type: study of the same rows under those}."""
    if not has_forecast(s, as_of):
        return []
    p = point(s, as_of)
    scores = interval_scores(s, as_of)
    inside = is_within_calibration(s, as_of)
    version, note = METHOD + ("-cold" if p.is_cold else ""), notes(s, p)
    weighted, naive = simple_forecast(s, as_of, "weighted_pipeline"), simple_forecast(s, as_of, "naive")
    found = list(_figures(as_of, whole(p), "all", "all", scores, (weighted, naive), inside, version, note))
    splits = {segment_type: s} | (others or {})
    unknown = np.full(HORIZONS, np.nan)
    for kind, split in splits.items():
        if others is None and len(split.histories.segments) == 1:
            continue  # a file with one segment needs no second copy of the same figures
        for name, part in zip(split.histories.segments, parts(split, p), strict=True):
            found += _figures(as_of, part, kind, name, scores, (unknown, unknown), inside, version, note)
    return found


def _figures(
    as_of: int, part: Part, segment_type: str, segment: str, scores: Floats, beside: tuple[Floats, Floats],
    inside: Bools, version: str, note: str | None,
) -> Iterator[Row]:  # fmt: skip
    for component in COMPONENTS:
        mean = part.mean[component]
        quantile = at_scores(mean, part.deviation(component), scores)
        if component == "booked":
            quantile = np.repeat(mean[:, None], 3, axis=1)
        for h in range(HORIZONS):
            low, middle, high = (float(q) for q in quantile[h])
            crm, naive = (float(b[h]) if component == "total" else float("nan") for b in beside)
            yield Row(
                as_of, h + 1, component, segment_type, segment, float(mean[h]), low, middle, high,
                crm, naive, bool(inside[h]), version, note,
            )  # fmt: skip


def judged_rows(
    s: Study, rows: Iterable[Row], last_complete: int, others: dict[str, Study] | None = None
) -> list[Judged]:
    """Vintages and simple methods against what came, for target months through last_complete.

    What came is what stands now: wins that were undone later are not in it."""
    rows = [row for row in rows if row.as_of + row.horizon <= last_complete]
    studies = {"": s} | (others or {})
    wins = {kind: wins_of(each.spells, each.histories.segments) for kind, each in studies.items()}
    found = [
        Judged(
            row.as_of, row.horizon, row.component, row.segment_type, row.segment, "funnel", row.expected,
            actual_of(
                wins.get(row.segment_type, wins[""]), row.as_of, row.as_of + row.horizon, row.component,
                row.segment_type, row.segment,
            ),
            row.p10, row.p50, row.p90,
        )
        for row in rows
    ]  # fmt: skip
    nothing = float("nan")
    for as_of in sorted({row.as_of for row in rows}):
        reach = min(HORIZONS, last_complete - as_of)
        came = [float(wins[""].by_month[m][2].sum()) if m in wins[""].by_month else 0.0
                for m in range(as_of + 1, as_of + reach + 1)]  # fmt: skip
        for method in METHODS:
            said = simple_forecast(s, as_of, method)
            found += [
                Judged(as_of, h + 1, "total", "all", "all", method, float(said[h]), came[h], *[nothing] * 3)
                for h in range(reach)
            ]
    return found


@dataclass(frozen=True)
class Wins:
    """Spells whose win stands, by revenue month: start, end, value and segment of each."""

    by_month: dict[int, tuple[Ints, Ints, Floats, Ints]]
    segments: tuple[str, ...]


def wins_of(x: Spells, segments: tuple[str, ...]) -> Wins:
    """segments: names by the codes in x."""
    won = np.flatnonzero((x.end_kind == WON) & x.stands)
    won = won[np.argsort(x.revenue_month[won], kind="stable")]
    months, starts = np.unique(x.revenue_month[won], return_index=True)
    groups = np.split(won, starts[1:]) if len(won) else []
    return Wins(
        {int(m): (x.start[g], x.end[g], x.value[g], x.last_segment[g]) for m, g in zip(months, groups, strict=True)},
        segments,
    )


def actual_of(wins: Wins, as_of: int, target: int, component: str, segment_type: str, segment: str) -> float:
    """Won revenue that a figure was about: of the segment, and of deals won, open or not there yet at its as_of."""
    if target not in wins.by_month:
        return 0.0
    start, end, value, code = wins.by_month[target]
    mine = np.ones(len(value), dtype=bool)
    if segment_type != "all":
        mine = code == wins.segments.index(segment)
    if component == "booked":
        mine &= end <= as_of
    elif component == "open_pipeline":
        mine &= (end > as_of) & (start <= as_of)
    elif component == "new_business":
        mine &= (start > as_of) & (end > as_of)
    return float(value[mine].sum())

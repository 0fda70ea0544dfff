"""The forecast against what came and against simple methods, on generated worlds and on real pipelines.

`make bench ARGS="forecast 21 22"`: six kinds of world, each with those seeds (two nobody tuned to unless told
otherwise), and the real data sets of ../shared/data where they are. Prints the table of figures to reach;
`python -m benchmarks.forecast --write` also writes docs/forecast-accuracy.md.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.forecast_figures import Case, figures_to_reach
from benchmarks.forecast_quotas import asked, reliability
from benchmarks.forecast_rivals import rival_measures, rivals
from benchmarks.forecast_worlds import DEFAULTS, KINDS, world
from forecasting.backtest import Judged, default_origins, judged_rows, vintage_rows
from forecasting.hazards import HORIZONS
from forecasting.histories import WON, Histories, month_number, month_of, month_start
from forecasting.intervals import LEVELS
from forecasting.periods import vintage_periods
from forecasting.running import DAYS, days_judged
from forecasting.scores import Summary
from forecasting.simple import weighted_pipeline
from forecasting.spells import won_by_month
from forecasting.study import Study, study
from forecasting.vintage import point, quantiles
from orchestration.backtest import measures
from orchestration.transitions_file import read_transitions

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
SEEDS = (21, 22)
"""Chosen for nothing: the method was made on 1, 2 and 3, the normal's weight in its intervals on 31 and 32 as well."""
REAL = {
    "hotel_resort": ("2016-07", "2017-05", "2017-08"),
    "bpi2020_rfp": ("2018-01", "2018-09", "2018-10"),
    "bpi2020_domestic": ("2018-01", "2018-09", "2018-10"),
}
"""First and last origin, last target month: where the export is whole (SOURCE.md of each)."""
TIMED_ORIGINS = 30


def main(arguments: Iterable[str] = ()) -> None:
    """Measure, print; with --write the page of the documentation as well."""
    arguments = list(arguments)
    seeds = tuple(int(a) for a in arguments if a.isdigit()) or SEEDS
    cases = [*worlds(seeds), *real()]
    lines = figures_to_reach(cases, timed(seeds[0]))
    print(f"seeds {', '.join(map(str, seeds))}")
    for line in lines:
        print(f"{line.on:28} {line.figure:44} {line.band:5} {line.bound:>12}  {line.value:>22}  "
              f"{'beside' if line.met is None else 'met' if line.met else 'MISSED'}")  # fmt: skip
    odds = reliability(each for kind in KINDS for seed in seeds for each in asked(kind, seed, life(kind, seed)))
    print("odds to reach a quota", *odds, sep="\n")
    if "--write" in arguments:
        from benchmarks.forecast_page import page

        text = page(cases, lines, seeds, odds)
        (ROOT / "docs" / "forecast-accuracy.md").write_text(text, encoding="utf-8")


def worlds(seeds: Iterable[int]) -> list[Case]:
    """Each kind of world with each seed, from every month end with a year of wins behind it."""
    return [_world_case(kind, seed) for kind in KINDS for seed in seeds]


@cache
def life(kind: str, seed: int) -> Histories:
    """A world, made once."""
    return world(kind, seed)


def _world_case(kind: str, seed: int) -> Case:
    h = life(kind, seed)
    last = int(month_of(h.at).max())
    s = study(h, last)
    origins = default_origins(s, last - 1)
    found = case(f"{kind} {seed}", "sparse" if kind == "sparse" else "dense", s, origins, last)
    return replace(found, defaults=by_defaults(s, origins, last))


def by_defaults(s: Study, origins: Iterable[int], last: int) -> dict[str, Summary]:
    """Measures of the CRM-weighted pipeline of a world's company that never touched its vendor's probabilities."""
    untouched = replace(s, panel=replace(s.panel, probability=np.array(DEFAULTS)[s.panel.stage]), memo={})
    judged = []
    for as_of in origins:
        said, came = weighted_pipeline(untouched, as_of), won_by_month(s.wins, as_of + 1, as_of + HORIZONS)
        judged += [
            Judged(as_of, h, "total", "all", "all", "", float(said[h - 1]), float(came[h - 1]), *[float("nan")] * 3)
            for h in range(1, min(HORIZONS, last - as_of) + 1)
        ]
    return measures(judged)[""]


def real() -> list[Case]:
    """The real data sets that are there."""
    found = []
    for name, window in REAL.items():
        path = DATA / name / "transitions.csv.gz"
        if not path.exists():
            print(f"{name}: not there ({path.parent.name} of ../shared/data), left out")
            continue
        first, last, end = (month_number(month) for month in window)
        found.append(case(name, "real", study(read_transitions(path), end), range(first, last + 1), end))
    return found


def case(name: str, group: str, s: Study, origins: range, last: int) -> Case:
    """Vintages of the origins judged on targets up to month `last`."""
    rows = [row for as_of in origins for row in vintage_rows(s, as_of) if row.segment_type == "all"]
    judged = [row for row in judged_rows(s, rows, last) if row.component == "total"]
    x = s.spells
    won = (x.end_kind == WON) & (x.end > origins[0]) & (x.end <= last)
    wins = won.sum() / (last - origins[0])
    variation = x.value[won].std() / max(x.value[won].mean(), 1e-9)
    return Case(
        name, group, len(np.unique(s.histories.deal)), float(wins), len(origins),
        measures(judged) | rival_measures(s, origins, last, rivals()),
        float(0.8 * np.sqrt((1 + variation**2) / wins)), cut_gap(s, origins[len(origins) // 2]),
        tuple(row for o in origins for row in vintage_periods(s, o, 1, last) if row.period.last <= last),
        inside_months(s, origins, last),
    )  # fmt: skip


def inside_months(s: Study, months: range, last: int) -> dict[str, dict[str, Summary]]:
    """Measures of the origins on DAYS of those months, by day and of all days together."""
    judged = days_judged(s.histories, s.spells, months, last)
    by_day = measures(judged)
    together = measures(replace(row, method="all") for row in judged)
    return {f"day {day}": by_day[f"funnel_day_{day}"] for day in DAYS} | together


def cut_gap(s: Study, as_of: int) -> float:
    """Largest relative difference between the vintage of the data cut at as_of and of the whole data asked as of it."""
    cut = study(s.histories.before(month_start(as_of + 1)), as_of)
    pairs = [(point(s, as_of).total, point(cut, as_of).total),
             (quantiles(s, as_of, LEVELS).ravel(), quantiles(cut, as_of, LEVELS).ravel())]  # fmt: skip
    return max(float((np.abs(a - b) / np.maximum(np.abs(b), 1e-9)).max()) for a, b in pairs)


def timed(seed: int) -> tuple[int, float]:
    """Deals of a big world and seconds for 30 origins × 9 horizons of it, histories to judged rows."""
    h = life("big", seed)
    started = time.perf_counter()
    last = int(month_of(h.at).max())
    s = study(h, last)
    judged_rows(s, [row for o in range(last - TIMED_ORIGINS, last) for row in vintage_rows(s, o)], last)
    return len(np.unique(h.deal)), time.perf_counter() - started


if __name__ == "__main__":
    main(sys.argv[1:])

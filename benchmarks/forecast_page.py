"""docs/forecast-accuracy.md: what `benchmarks.forecast` measured, as a page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.forecast_figures import BANDS, Case, Line
from benchmarks.forecast_rivals import RIVALS
from forecasting.periods import PeriodRow
from forecasting.running import DAYS
from forecasting.scores import Summary

HEAD = """# How good the forecast is

Written by `python -m benchmarks.forecast --write{seeds}` (`make bench ARGS=forecast` prints the first table). Rolling
origins; each vintage is what the production functions say when asked as of that month end. Worlds are generated
(`benchmarks/forecast_worlds.py`) with seeds nobody tuned to; real pipelines are those of `../shared/data`. "Best
simple" is the lowest afterwards of naive, mean of 3, 6, 12 months and seasonal naive. Pooled: the mean over worlds.

- WAPE = Σ|forecast - actual| / Σ actual, bias = Σ(forecast - actual) / Σ actual.
- Pinball is that of p50 (half the absolute error for a method without an interval), in the money of the set.
- Floor: 0.8·√((1 + v²)/n) with n wins a month and v the variation of their amounts. About what a method that knew every
  probability would still err by: a figure far below it would be a leak.
- auto_ets and auto_arima: AutoETS and AutoARIMA of statsforecast on the months' won revenue, a season of twelve months
  looked for from two years on (columns only where the extra `rivals` was installed when this was written).
"""

RUNNING_HEAD = [
    "## The running month",
    "",
    "`forecast_current` as it would have been made as day 5, 10, 15 and 20 of each month began: how often what came",
    "lay between p10 and p90, in the running month (in brackets its WAPE, what was won by then included), and of all",
    "days together in the months after it.",
    "",
]
SPANS = [
    "## Quarters, years and runs of months",
    "",
    "How often the sum that came lay between p10 and p90 of `forecast_periods` (a quarter or year that has begun",
    "counts with what was won of it so far). Overlapping sums are few independent ones: single cells scatter widely.",
    "",
]
ODDS = [
    "",
    "## Odds to reach a quota",
    "",
    "`p_attain` on the worlds, eight owners each, quotas of 0.4 to 1.6 times what the year before brought",
    "(`benchmarks/forecast_quotas.py`): what was said and how often it came, of so many months of an owner.",
    "",
]
KINDS = {
    "3 months": ("cumulative", 3), "6 months": ("cumulative", 6), "9 months": ("cumulative", 9),
    "fiscal quarter": ("fiscal_quarter", 3), "fiscal year": ("fiscal_year", 12),
}  # fmt: skip
"""Columns of the table of periods: kind and length in months."""


def page(cases: Sequence[Case], lines: Sequence[Line], seeds: Sequence[int], odds: Sequence[str] = ()) -> str:
    """The whole page. odds: table of benchmarks.forecast_quotas."""
    return "\n".join([
        HEAD.format(seeds="".join(f" {seed}" for seed in seeds)),
        "## Figures to reach", "", *_reached(lines), "", *_missed(lines), *_crm(cases),
        *(text for band in BANDS for text in (f"## Months {band}, WAPE by method", "", *_methods(cases, band), "")),
        *(text for band in BANDS for text in (f"## Months {band}, the forecast itself", "", *_own(cases, band), "")),
        *_running(cases), *_spans(cases), *([*ODDS, *odds] if odds else []), "",
    ])  # fmt: skip


def _reached(lines: Sequence[Line]) -> list[str]:
    head = ["| on | figure | months | bound | measured | |", "|---|---|---|---|---|---|"]
    return head + [
        f"| {line.on} | {line.figure} | {line.band} | {line.bound} | {line.value} | "
        + ("beside |" if line.met is None else "met |" if line.met else "**missed** |")
        for line in lines
    ]


def _missed(lines: Sequence[Line]) -> list[str]:
    missed = [f"{line.figure} on {line.on}, months {line.band}" for line in lines if line.met is False]
    return [f"Missed: {'; '.join(missed)}.", ""] if missed else []


def _crm(cases: Sequence[Case]) -> list[str]:
    """What the bound against the CRM's figure can be at best: floor over its error, beside its bias."""
    generated = [c for c in cases if c.defaults]
    if not generated:
        return []
    best = [
        np.exp(np.mean([np.log(c.floor / of(c)["1-3"].wape) for c in generated]))
        for of in (lambda c: c.defaults, lambda c: c.measures["weighted_pipeline"])
    ]
    return [
        "The CRM-weighted pipeline twice: by the probabilities that HubSpot gives the five open stages of a new",
        "account's pipeline (20, 40, 60, 80, 90 %), as a company has them that never changed them, and by ones that",
        "fit its deals. The bound was set on worlds whose CRM promised 54 % too much (median). A CRM that fits is a",
        f"harder rival: a method at the floor of every world would stand at {best[0]:.2f} of the first's error in",
        f"months 1-3 and at {best[1]:.2f} of the second's, where the bound of 0.45 is hardly to be reached.",
        "",
    ]


def _methods(cases: Sequence[Case], band: str) -> list[str]:
    methods = list(cases[0].measures)
    head = ["| | " + " | ".join(methods) + " | floor |", "|---" * (len(methods) + 2) + "|"]
    return head + [
        f"| {c.name} | " + " | ".join(f"{c.measures[m][band].wape:.3f}" for m in methods) + f" | {c.floor:.2f} |"
        for c in cases
    ]


def _own(cases: Sequence[Case], band: str) -> list[str]:
    head = [
        "| | deals | wins a month | origins | bias | p10–p90 holds | below | above | pinball | of best simple |",
        "|---" * 10 + "|",
    ]
    rows = []
    for c in cases:
        mine = c.measures["funnel"][band]
        others = ("funnel", "weighted_pipeline", *RIVALS)
        simple = min(m[band].pinball for name, m in c.measures.items() if name not in others)
        rows.append(
            f"| {c.name} | {c.deals:,} | {c.wins_a_month:.0f} | {c.origins} | {mine.bias:+.1%} | {mine.coverage:.0%} | "
            f"{mine.below:.0%} | {mine.above:.0%} | {mine.pinball:,.0f} | {mine.pinball / simple:.2f} |"
        )
    return head + rows


def _running(cases: Sequence[Case]) -> list[str]:
    mine = {c.name: _running_cells(c.running) for c in cases if c.running}
    if not mine:
        return []
    columns = [*(f"day {day}" for day in DAYS), "all days", *(f"months {band}" for band in BANDS)]
    return [*RUNNING_HEAD, "| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"] + [
        f"| {name} | " + " | ".join(cells) + " |" for name, cells in mine.items()
    ] + [""]  # fmt: skip


def _running_cells(running: dict[str, dict[str, Summary]]) -> list[str]:
    now = [running[f"day {day}"]["0"] for day in DAYS] + [running["all"]["0"]]
    return [f"{m.coverage:.0%} ({m.wape:.2f})" for m in now] + [f"{running['all'][b].coverage:.0%}" for b in BANDS]


def _spans(cases: Sequence[Case]) -> list[str]:
    if not any(c.spans for c in cases):
        return []
    found = {c.name: [_held(c.spans, *kind) for kind in KINDS.values()] for c in cases}
    worlds = np.array([found[c.name] for c in cases if c.group != "real"])
    rows = {**found, **({"worlds, pooled": np.nanmean(worlds, axis=0).tolist()} if len(worlds) else {})}
    return [*SPANS, "| | " + " | ".join(KINDS) + " |", "|---" * (len(KINDS) + 1) + "|"] + [
        f"| {name} | " + " | ".join("" if np.isnan(v) else f"{v:.0%}" for v in held) + " |"
        for name, held in rows.items()
    ]


def _held(spans: Sequence[PeriodRow], kind: str, length: int) -> float:
    """Share inside [p10, p90]; NaN where none is over."""
    mine = [
        row.p10 <= row.actual <= row.p90
        for row in spans
        if row.period.kind == kind and row.period.last - row.period.first + 1 == length and row.period.is_whole
    ]
    return float(np.mean(mine)) if mine else float("nan")

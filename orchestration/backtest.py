"""`funnel backtest`: the forecast's own functions, origin by origin, on the warehouse or on any export."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from forecasting.backtest import Judged, Row, default_origins, judged_rows, vintage_rows
from forecasting.coded import coded
from forecasting.current import moment
from forecasting.histories import (
    NEVER,
    Histories,
    month_name,
    month_number,
    month_of,
    month_start,
)
from forecasting.running import days_judged
from forecasting.scores import Summary, summary
from forecasting.study import Study, study
from forecasting.tables import read as read_columns
from orchestration import warehouse
from orchestration.errors import FunnelError, WrongUse
from orchestration.transitions_file import read_transitions

CURRENCY = ""
"""Money is in the unit of the input, which a file does not name."""
BANDS = {"1-3": range(1, 4), "4-9": range(4, 10)}
RUNNING = {"0": range(0, 1)}
"""The month that runs at an origin inside a month."""
FORECAST_FILE, ACCURACY_FILE = "forecast_monthly.csv", "forecast_accuracy_monthly.csv"


@dataclass(frozen=True)
class Outcome:
    """What was written: origins (first, last, number), rows of each file, and per method and band its measures."""

    origins: tuple[str, ...]
    forecast_rows: int
    accuracy_rows: int
    measures: dict[str, dict[str, Summary]]
    notes: tuple[str, ...]


def backtest_file(path: Path, out: Path, origins: str | None = None) -> Outcome:
    """Read transitions, make a vintage at each origin, judge them, write both files into `out`.

    path: CSV or CSV.gz; origins: 'YYYY-MM:YYYY-MM', both ends included; without it every month end with 12 months of
    wins behind it. BadTransitions names the line that cannot be read.
    """
    read = read_transitions(path)
    return backtest(read, complete_through(read), out, origins)


def backtest_warehouse(path: Path, out: Path, origins: str | None = None) -> Outcome:
    """The same over what the warehouse knows as of its last run, in the reporting currency, pipelines as segments.

    path: warehouse.duckdb. WrongUse where nothing was built yet."""
    with warehouse.connect(path, read_only=True) as connection:
        try:
            columns, names = coded(connection.query("from intermediate.int_forecast_histories"))
            (as_of,) = connection.query("select as_of from intermediate.int_forecast_clock").fetchnumpy()["as_of"]
        except duckdb.CatalogException:
            raise WrongUse("The warehouse has no histories yet.", "Run `funnel run` first.") from None
    if not len(columns["deal"]):
        raise WrongUse("The warehouse has no deals.", "Connect a CRM, or try an export with --transitions.")
    return backtest(read_columns(columns, names, as_of).by_pipeline, moment(as_of).month - 1, out, origins)


def backtest(read: Histories, complete: int, out: Path, origins: str | None) -> Outcome:
    """Vintages and accuracy of histories whose months through `complete` are complete, into `out`.

    Inside each origin's month the days of forecasting.running.DAYS are origins as well, judged only."""
    chosen, last_complete = _origins(read, complete, origins)
    s = study(read, max(last_complete, chosen[-1] if chosen else last_complete))
    if origins is None:
        chosen = default_origins(s, last_complete)
    rows = [row for as_of in chosen for row in vintage_rows(s, as_of)]
    judged = judged_rows(s, rows, last_complete) + days_judged(read, s.spells, chosen, last_complete)
    out.mkdir(parents=True, exist_ok=True)
    _write(out / FORECAST_FILE, FORECAST_COLUMNS, (_forecast_line(row) for row in rows))
    _write(out / ACCURACY_FILE, ACCURACY_COLUMNS, (_accuracy_line(row) for row in judged))
    return Outcome(
        tuple(month_name(as_of) for as_of in chosen), len(rows), len(judged), measures(judged), _notes(s, chosen, rows)
    )


def complete_through(read: Histories) -> int:
    """The last complete month of an export: one with a row in its last five days, else the one before."""
    last = read.at.max()
    month = int(month_of(np.array([last]))[0])
    return month if last >= month_start(month + 1) - np.timedelta64(5, "D") else month - 1


def _origins(read: Histories, complete: int, asked: str | None) -> tuple[range, int]:
    """The origins asked for (empty when none were) and the last complete month: at least the last origin asked for,
    because who asks for it says that the data cover it."""
    month = int(month_of(read.at.max()[None])[0])
    if asked is None:
        return range(0), complete
    try:
        first, _, end = asked.partition(":")
        chosen = range(month_number(first), month_number(end or first) + 1)
    except ValueError as error:
        raise WrongUse(f"--origins {asked}: {error}.", "Write it as 2024-01:2025-12.") from None
    if not chosen:
        raise WrongUse(f"--origins {asked}: the first month is after the last.")
    if chosen[-1] > month:
        raise WrongUse(f"--origins {asked}: the data end in {month_name(month)}.", "Choose an earlier last origin.")
    return chosen, max(complete, chosen[-1])


def measures(judged: Iterable[Judged]) -> dict[str, dict[str, Summary]]:
    """Per method, then per band of horizons that it has, the measures of the company's total."""
    found: dict[str, dict[str, Summary]] = {}
    totals = [row for row in judged if row.component == "total" and row.segment_type == "all"]
    for method in dict.fromkeys(row.method for row in totals):
        for band, horizons in (RUNNING | BANDS).items():
            mine = [row for row in totals if row.method == method and row.horizon in horizons]
            if mine:
                columns = zip(*((r.forecast, r.actual, r.p10, r.p50, r.p90) for r in mine), strict=True)
                found.setdefault(method, {})[band] = summary(*(np.array(column) for column in columns))
    return found


def _notes(s: Study, chosen: range, rows: list[Row]) -> tuple[str, ...]:
    if s.first_won == NEVER:
        return ("no deal was ever won: there is nothing to forecast from",)
    if not chosen:
        return ("no month end has 12 months of wins behind it; ask for earlier ones with --origins",)
    notes = []
    without = sorted(set(chosen) - {row.as_of for row in rows})
    if without:
        notes.append(f"nothing had been won by {month_name(without[-1])}: no forecast at {len(without)} origin(s)")
    cold = {row.as_of for row in rows if row.method_version.endswith("-cold")}
    if cold:
        notes.append(f"{len(cold)} origin(s) with under 6 months of wins or 20 closed deals are marked cold")
    return tuple(notes)


FORECAST_COLUMNS = (
    "as_of_month_end", "target_month", "component", "segment_type", "segment", "horizon_months", "expected_revenue",
    "p10", "p50", "p90", "currency", "quota_amount", "crm_weighted_amount", "naive_amount", "method_version",
    "known_at", "frozen_at", "is_within_calibration",
)  # fmt: skip
ACCURACY_COLUMNS = (
    "as_of_month_end", "target_month", "component", "segment_type", "segment", "method", "horizon_months", "forecast",
    "actual", "error", "absolute_percentage_error", "is_covered", "pinball_p10", "pinball_p50", "pinball_p90",
    "origin",
)  # fmt: skip


def month_end(month: int) -> date:
    """The last day of a month number."""
    return first_day(month + 1) - timedelta(days=1)


def first_day(month: int) -> date:
    """The first day of a month number."""
    return date(month // 12, month % 12 + 1, 1)


def _forecast_line(row: Row) -> list[Any]:
    end = month_end(row.as_of)
    return [
        end, first_day(row.as_of + row.horizon), row.component, row.segment_type, row.segment, row.horizon,
        row.expected, row.p10, row.p50, row.p90, CURRENCY, None, row.crm_weighted, row.naive, row.method_version,
        f"{end + timedelta(days=1)}T00:00:00", None, row.is_within_calibration,
    ]  # fmt: skip


def _accuracy_line(row: Judged) -> list[Any]:
    error = row.forecast - row.actual
    covered = None if math.isnan(row.p10) else row.p10 <= row.actual <= row.p90
    return [
        month_end(row.as_of), first_day(row.as_of + row.horizon), row.component, row.segment_type, row.segment,
        row.method, row.horizon, row.forecast, row.actual, error, abs(error / row.actual) if row.actual else None,
        covered, *row.losses, "backtest",
    ]  # fmt: skip


def _write(path: Path, columns: tuple[str, ...], lines: Iterable[list[Any]]) -> None:
    temporary = path.with_suffix(".tmp")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            out = csv.writer(file, lineterminator="\n")
            out.writerow(columns)
            out.writerows([_cell(value) for value in line] for line in lines)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise FunnelError(f"{path} cannot be written: {error.strerror or error}.") from None


def _cell(value: Any) -> Any:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return str(value).lower() if isinstance(value, bool) else value


def text(found: Outcome) -> str:
    """The outcome as a table a person reads."""
    if not found.origins:
        return "\n".join(found.notes)
    lines = [
        f"{len(found.origins)} origins {found.origins[0]} … {found.origins[-1]}: "
        f"{found.forecast_rows:,} forecast rows, {found.accuracy_rows:,} judged",
        f"{'method':<18}" + "".join(f"{name:>34}" for name in ("running month", *(f"months {b}" for b in BANDS))),
        f"{'':<18}" + f"{'WAPE':>10}{'bias':>8}{'in p10-p90':>16}" * 3,
    ]
    for method, bands in found.measures.items():
        cells = (
            f"{m.wape:>10.1%}{m.bias:>+8.1%}{'' if math.isnan(m.coverage) else format(m.coverage, '.0%'):>16}"
            if (m := bands.get(band))
            else f"{'':>34}"
            for band in RUNNING | BANDS
        )
        lines.append(f"{method:<18}" + "".join(cells))
    return "\n".join([*lines, *found.notes])

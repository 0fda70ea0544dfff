"""From the warehouse's columns to the forecast's tables, as columns again: what the dbt model of this name runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from forecasting.backtest import Judged, Row, default_origins, judged_rows, vintage_rows
from forecasting.calibration import interval_scores, is_within_calibration
from forecasting.current import Moment, booked_from, current_of, moment, shares_before_month_end
from forecasting.deals import outlook
from forecasting.hazards import HORIZONS
from forecasting.histories import (
    LOST,
    OPEN,
    WON,
    Floats,
    Histories,
    Times,
    histories,
    month_of,
    month_start,
)
from forecasting.notes import notes
from forecasting.periods import PeriodRow, Won, current_periods, each_part, period_columns, vintage_periods
from forecasting.segments import COMPONENTS, Part
from forecasting.simulation import grid
from forecasting.study import Study, study
from forecasting.vintage import METHOD, has_forecast, point

KINDS = {"open": OPEN, "won": WON, "lost": LOST}
ORIGINS = 24
"""Past month ends that are published."""
COLUMNS: dict[str, str] = {
    "record": "str", "as_of_month": "date", "target_month": "date", "horizon_months": "float", "component": "str",
    "segment_type": "str", "segment": "str", "method": "str", "forecast": "float", "p10": "float", "p50": "float",
    "p90": "float", "actual": "float", "crm_weighted": "float", "naive": "float", "is_within_calibration": "float",
    "method_version": "str", "deal_key": "str", "p_won": "float", "p_lost": "float", "p_open": "float",
    "win_30d": "float", "win_60d": "float", "win_90d": "float", "amount_if_won": "float", "p_push": "float",
    "note": "str", "period_type": "str", "last_month": "date", "is_whole": "float", "so_far": "float",
}  # fmt: skip
"""Columns of the result and what they hold (flags as 0 and 1). `record` says which of them a row uses: vintage,
judged, deal (per deal and month), outlook (per deal), current, owner, period, current_period."""
Chunk = dict[str, Any]
"""Columns of some records: arrays of one length, or one value for all of them."""


@dataclass(frozen=True)
class Warehouse:
    """Histories by segment type (the same rows, other segments), their deals' keys, and the instant they end at."""

    by_pipeline: Histories
    by_team: Histories
    by_owner: Histories
    deals: np.ndarray
    as_of: np.datetime64
    happened: Times
    close_date: Times


def forecast_table(columns: Mapping[str, Any], as_of: np.datetime64, fiscal_start: int = 1) -> dict[str, np.ndarray]:
    """All records of the forecast as columns (see COLUMNS).

    columns: those of int_forecast_histories as arrays (times naive, in the reporting time zone; amounts in the
    reporting currency); as_of: naive, too; fiscal_start: month the fiscal year starts in. An empty input gives empty
    columns.
    """
    if not len(columns["deal_key"]):
        return as_columns([])
    w = read(columns, as_of)
    last = moment(w.as_of).month - 1
    s, others = study(w.by_pipeline, last), {"team": study(w.by_team, last)}
    origins = [o for o in origins_of(s, last) if o > last - ORIGINS]
    vintages = [row for o in origins for row in vintage_rows(s, o, "pipeline", others)]
    judged = judged_rows(s, vintages, last, others)
    chunks = [_vintages(vintages), _judged(judged)]
    if last in origins:
        chunks.append(_deal_months(s, last, w.deals))
    splits = {"pipeline": s} | others
    spans = [row for o in origins for row in vintage_periods(s, o, fiscal_start, last, splits)]
    return as_columns([*chunks, period_columns(spans, "period"), *current_chunks(w, fiscal_start)])


def read(columns: Mapping[str, Any], as_of: np.datetime64) -> Warehouse:
    """Columns of int_forecast_histories as histories; rows in any order."""
    order = np.lexsort((columns["happened_at"], columns["deal_key"].astype(str)))
    c = {name: np.ma.filled(np.ma.asarray(values), _missing(values))[order] for name, values in columns.items()}
    deals, deal = np.unique(c["deal_key"].astype(str), return_inverse=True)
    happened, close = c["happened_at"].astype("datetime64[us]"), c["close_date"].astype("datetime64[us]")
    shared = {
        "stage": np.unique(c["stage_key"].astype(str), return_inverse=True)[1],
        "kind": np.array([KINDS[kind] for kind in c["kind"]]),
        "amount": c["amount"].astype(float),
        "close_month": month_of(close),
        "revenue_month": month_of(c["won_month"].astype("datetime64[us]")),
        "probability": c["probability"].astype(float),
    }

    def split(name: str) -> Histories:
        names, codes = np.unique(c[name].astype(str), return_inverse=True)
        return histories(deal, happened, segment=codes, segments=tuple(str(n) for n in names), **shared)

    return Warehouse(
        split("pipeline_key"), split("team_key"), split("owner_key"), deals, as_of.astype("datetime64[us]"), happened,
        close,
    )  # fmt: skip


def _missing(values: Any) -> Any:
    kind = np.asarray(values).dtype.kind
    return np.datetime64("NaT") if kind == "M" else np.nan if kind == "f" else ""


def origins_of(s: Study, last: int) -> list[int]:
    """Month ends with a year of wins behind them; the last one with any win is always among them."""
    origins = list(default_origins(s, last))
    if last not in origins and has_forecast(s, last):
        origins.append(last)
    return origins


def _vintages(rows: Sequence[Row]) -> Chunk:
    names = {"forecast": "expected", "crm_weighted": "crm_weighted", "naive": "naive"}
    own = {name: np.array([getattr(row, field) for row in rows], dtype=float) for name, field in names.items()}
    inside = np.array([row.is_within_calibration for row in rows], dtype=float)
    versions = np.array([row.method_version for row in rows], dtype=object)
    told = np.array([row.note for row in rows], dtype=object)
    return _figures("vintage", rows) | own | {"method": "funnel", "is_within_calibration": inside,
                                              "method_version": versions, "note": told}  # fmt: skip


def _judged(rows: Sequence[Judged]) -> Chunk:
    own = {name: np.array([getattr(row, name) for row in rows], dtype=float) for name in ("forecast", "actual")}
    return _figures("judged", rows) | own | {"method": np.array([row.method for row in rows], dtype=object)}


def _figures(record: str, rows: Sequence[Row] | Sequence[Judged]) -> Chunk:
    as_of, horizon = (np.array([getattr(row, name) for row in rows], dtype=int) for name in ("as_of", "horizon"))
    texts = {name: np.array([getattr(row, name) for row in rows], dtype=object)
             for name in ("component", "segment_type", "segment")}  # fmt: skip
    levels = {name: np.array([getattr(row, name) for row in rows], dtype=float) for name in ("p10", "p50", "p90")}
    return (
        {"record": record, "as_of_month": as_of, "target_month": as_of + horizon, "horizon_months": horizon}
        | texts
        | levels
    )


def _deal_months(s: Study, as_of: int, deals: np.ndarray) -> Chunk:
    opened = point(s, as_of).opened
    still = 1 - (opened.won + opened.lost).cumsum(axis=1)
    horizon = np.tile(1 + np.arange(HORIZONS), len(still))
    return {
        "record": "deal", "as_of_month": np.full(len(horizon), as_of), "target_month": as_of + horizon,
        "horizon_months": horizon, "deal_key": np.repeat(deals[s.spells.deal[opened.spell]], HORIZONS),
        "p_won": opened.won.ravel(), "p_lost": opened.lost.ravel(), "p_open": still.ravel(),
        "forecast": opened.revenue.ravel(),
    }  # fmt: skip


def current_chunks(w: Warehouse, fiscal_start: int = 1) -> list[Chunk]:
    """forecast_current by segment type, each owner's months, and the outlook of each open deal."""
    now = moment(w.as_of)
    types = {"pipeline": w.by_pipeline, "team": w.by_team, "owner": w.by_owner}
    shifted = {name: study(_shifted(h, w, now), now.shifted_as_of) for name, h in types.items()}
    s = shifted["pipeline"]
    if not has_forecast(s, now.shifted_as_of):
        return []
    p, scores = point(s, now.shifted_as_of), interval_scores(s, now.shifted_as_of)
    inside = is_within_calibration(s, now.shifted_as_of).astype(float)
    version = METHOD + ("-cold" if p.is_cold else "")
    same = {"method": "funnel", "method_version": version, "note": notes(s, p)}
    won = w.by_pipeline.kind == WON
    share = shares_before_month_end(w.by_pipeline.at[won], np.nan_to_num(w.by_pipeline.amount[won]), now)
    horizon = np.arange(HORIZONS + 1)

    def chunks(record: str, segment_type: str, segment: str, part: Part, booked: Floats) -> Iterator[Chunk]:
        found = current_of(part, booked, share, p.shared, scores)
        for component in COMPONENTS:
            low, middle, high = found.quantiles[component].T
            yield same | {
                "record": record, "target_month": now.month + horizon, "horizon_months": horizon,
                "component": component, "segment_type": segment_type, "segment": segment,
                "forecast": found.mean[component], "p10": low, "p50": middle, "p90": high,
                "is_within_calibration": np.concatenate((inside[:1], inside)),
            }  # fmt: skip

    plain = {name: study(h, now.month) for name, h in types.items()}
    rows: list[Chunk] = []
    spans: list[PeriodRow] = []
    for each in each_part(s, p, shifted):
        record = "owner" if each.kind == "owner" else "current"
        mine = plain["pipeline" if each.index is None else each.kind]
        booked = booked_from(mine, now, each.index)
        rows += chunks(record, each.kind, each.name, each.part, booked)
        if record == "current":
            found = current_of(each.part, booked, share, p.shared, grid(s, now.shifted_as_of))
            spans += current_periods(p, each, found, share, now, fiscal_start, Won(mine, each.index, now.month))
    return [*rows, period_columns(spans, "current_period"), outlook(s, p, now, w.deals)]


def _shifted(h: Histories, w: Warehouse, now: Moment) -> Histories:
    """The histories moved back so that `now` is a month's end. Close dates move as well; revenue goes by the win."""
    return histories(
        h.deal, h.at - now.shift, h.stage, h.kind, h.amount, month_of(w.close_date - now.shift), None, h.segment,
        h.probability, h.segments,
    )  # fmt: skip


def as_columns(chunks: Sequence[Chunk]) -> dict[str, np.ndarray]:
    """Chunks as one array a column of COLUMNS; what a chunk lacks is null there (None, NaN or NaT)."""
    lengths = [max((len(v) for v in chunk.values() if isinstance(v, np.ndarray)), default=0) for chunk in chunks]
    return {
        name: np.concatenate([_empty(kind, 0)] + [
            _column(chunk.get(name), kind, length) for chunk, length in zip(chunks, lengths, strict=True)
        ])
        for name, kind in COLUMNS.items()
    }  # fmt: skip


def _column(value: Any, kind: str, length: int) -> np.ndarray:
    if value is None:
        return _empty(kind, length)
    if kind == "date":
        return month_start(np.asarray(value))
    whole_column = value if isinstance(value, np.ndarray) else np.full(length, value, dtype=object)
    return whole_column.astype(object if kind == "str" else np.float64)


def _empty(kind: str, length: int) -> np.ndarray:
    if kind == "date":
        return np.full(length, np.datetime64("NaT"), dtype="datetime64[us]")
    return np.full(length, None, dtype=object) if kind == "str" else np.full(length, np.nan)

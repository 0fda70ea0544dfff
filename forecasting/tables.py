"""From the warehouse's columns to the forecast's tables, as columns again: what the dbt model of this name runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from forecasting.backtest import Judged, Row, default_origins, judged_rows, vintage_rows
from forecasting.calibration import interval_scores, is_within_calibration
from forecasting.current import Moment, booked_from, current_of, moment, shares_before_month_end
from forecasting.deals import outlook
from forecasting.hazards import HORIZONS
from forecasting.histories import WON, Floats, Histories, Times, histories, month_of, month_start
from forecasting.notes import notes
from forecasting.periods import PeriodRow, Won, current_periods, each_part, period_columns, vintage_periods
from forecasting.segments import COMPONENTS, Part
from forecasting.simulation import grid
from forecasting.spells import Spells
from forecasting.study import Study, regrouped, study
from forecasting.vintage import METHOD, has_forecast, point

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
    """Histories (segments are pipelines), the other ways to segment the same rows, the deals' keys by their code, the
    instant they end at, and of each row the expected close date."""

    histories: Histories
    others: dict[str, Histories]
    deals: np.ndarray
    as_of: np.datetime64
    close_date: Times


def forecast_table(
    columns: Mapping[str, Any], names: Mapping[str, np.ndarray], as_of: np.datetime64, fiscal_start: int = 1
) -> dict[str, np.ndarray]:
    """All records of the forecast as columns (see COLUMNS).

    columns: those of int_forecast_histories as arrays, rows in any order (times naive, in the reporting time zone;
    amounts in the reporting currency), `deal`, `stage`, `pipeline`, `team` and `owner` as codes, `kind` as OPEN, WON or
    LOST; names: what the codes stand for, in the order of the names; as_of: naive, too; fiscal_start: month the fiscal
    year starts in. No rows give empty columns.
    """
    if not len(columns["deal"]):
        return as_columns([])
    w = read(columns, names, as_of)
    last = moment(w.as_of).month - 1
    s = study(w.histories, last)
    others = {name: regrouped(s, h) for name, h in w.others.items()}
    spells = {name: split.spells for name, split in ({"pipeline": s} | others).items()}
    del others["owner"]
    chunks = _past_chunks(s, others, last, fiscal_start, w.deals)
    del s, others  # the running month has a study of its own
    return as_columns(chunks + current_chunks(w, spells, fiscal_start))


def _past_chunks(s: Study, others: dict[str, Study], last: int, fiscal_start: int, deals: np.ndarray) -> list[Chunk]:
    """Vintages of past month ends, what they are judged by, and the odds of each deal at the last of them."""
    origins = [o for o in origins_of(s, last) if o > last - ORIGINS]
    vintages, spans = [], []
    for o in origins:  # both at once: a study keeps the deals of one month end only
        vintages += vintage_rows(s, o, "pipeline", others)
        spans += vintage_periods(s, o, fiscal_start, last, {"pipeline": s} | others)
    chunks = [_vintages(vintages), _judged(judged_rows(s, vintages, last, others)), period_columns(spans, "period")]
    return [*chunks, _deal_months(s, last, deals)] if last in origins else chunks


def read(columns: Mapping[str, Any], names: Mapping[str, np.ndarray], as_of: np.datetime64) -> Warehouse:
    """Columns of int_forecast_histories as histories; arguments as of forecast_table."""
    order = np.lexsort((columns["happened_at"], columns["deal"]))
    c = {name: np.ma.filled(np.ma.asarray(values), _missing(values))[order] for name, values in columns.items()}
    close = c["close_date"].astype("datetime64[us]")
    by_pipeline = histories(
        c["deal"], c["happened_at"], c["stage"], c["kind"], c["amount"].astype(float), month_of(close),
        month_of(c["won_month"].astype("datetime64[us]")), c["pipeline"], c["probability"].astype(float),
        _texts(names["pipeline"]),
    )  # fmt: skip
    others = {
        name: replace(by_pipeline, segment=c[name].astype(np.int64), segments=_texts(names[name]))
        for name in ("team", "owner")
    }
    return Warehouse(by_pipeline, others, names["deal"], as_of.astype("datetime64[us]"), close)


def _texts(names: np.ndarray) -> tuple[str, ...]:
    return tuple(str(name) for name in names)


def _missing(values: Any) -> Any:
    kind = np.asarray(values).dtype.kind
    return np.datetime64("NaT") if kind == "M" else np.nan if kind == "f" else -1


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


def current_chunks(w: Warehouse, spells: Mapping[str, Spells], fiscal_start: int = 1) -> list[Chunk]:
    """forecast_current by segment type, each owner's months, and the outlook of each open deal.

    spells: by segment type, of the histories as they are."""
    now = moment(w.as_of)
    s = study(_shifted(w.histories, w, now), now.shifted_as_of)
    if not has_forecast(s, now.shifted_as_of):
        return []
    p, scores = point(s, now.shifted_as_of), interval_scores(s, now.shifted_as_of)
    inside = is_within_calibration(s, now.shifted_as_of).astype(float)
    version = METHOD + ("-cold" if p.is_cold else "")
    same = {"method": "funnel", "method_version": version, "note": notes(s, p)}
    won = w.histories.kind == WON
    share = shares_before_month_end(w.histories.at[won], np.nan_to_num(w.histories.amount[won]), now)
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

    rows: list[Chunk] = []
    spans: list[PeriodRow] = []
    splits = {name: replace(s.histories, segment=h.segment, segments=h.segments) for name, h in w.others.items()}
    for each in each_part(s, p, {"pipeline": s} | {name: regrouped(s, h) for name, h in splits.items()}):
        record = "owner" if each.kind == "owner" else "current"
        mine = spells["pipeline" if each.index is None else each.kind]
        booked = booked_from(mine, now, each.index)
        rows += chunks(record, each.kind, each.name, each.part, booked)
        if record == "current":
            found = current_of(each.part, booked, share, p.shared, grid(s, now.shifted_as_of))
            spans += current_periods(p, each, found, share, now, fiscal_start, Won(mine, each.index, now.month))
    return [*rows, period_columns(spans, "current_period"), outlook(s, p, now, w.deals)]


def _shifted(h: Histories, w: Warehouse, now: Moment) -> Histories:
    """The histories moved back so that `now` is a month's end. Close dates move as well; revenue goes by the win."""
    at = h.at - now.shift
    return replace(h, at=at, close_month=month_of(w.close_date - now.shift), revenue_month=month_of(at))


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

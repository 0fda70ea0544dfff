"""From the warehouse's columns to the forecast's tables, as columns again: what the dbt model of this name runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from forecasting.backtest import Judged, Row, default_origins, judged_rows, vintage_rows
from forecasting.current import MONTHS, booked_from, current_of, moment, standing_wins
from forecasting.deals import outlook
from forecasting.hazards import HORIZONS
from forecasting.histories import Floats, Histories, histories, month_of
from forecasting.notes import notes
from forecasting.pairs import Frozen, Names, Pairs
from forecasting.periods import PeriodRow, Won, current_periods, each_part, period_columns, vintage_periods
from forecasting.quotas import Month, month_ahead, running_month, weighted_by
from forecasting.records import Chunk, as_columns
from forecasting.running import is_running_calibrated, running, running_judged, running_months, running_scores, share_at
from forecasting.said import Money
from forecasting.segments import COMPONENTS, Part
from forecasting.simulation import LEVELS as EVEN
from forecasting.spells import Spells
from forecasting.study import Study, regrouped, study
from forecasting.vintage import METHOD, has_forecast, point

ORIGINS = 24
"""Past month ends that are published."""
Quotas = Mapping[tuple[str, int], float]
"""By owner and month number."""


@dataclass(frozen=True)
class Warehouse:
    """Histories by pipeline, the other ways to segment the same rows, the deals' keys by their code, the instant they
    end at, of each row the amount in its own currency, and keys by code for the bridge."""

    by_pipeline: Histories
    others: dict[str, Histories]
    deals: np.ndarray
    as_of: np.datetime64
    money: Money
    names: Names


def forecast_table(
    columns: Mapping[str, Any],
    names: Mapping[str, np.ndarray],
    as_of: np.datetime64,
    fiscal_start: int = 1,
    quotas: Quotas | None = None,
    frozen: Frozen | None = None,
) -> dict[str, np.ndarray]:
    """All records of the forecast as columns (see COLUMNS).

    columns, names: as forecasting.coded makes them of int_forecast_histories, rows in any order: times naive, in the
    reporting time zone, amounts in the reporting currency, keys as codes, `kind` as OPEN, WON or LOST. as_of: naive,
    too; fiscal_start: month the fiscal year starts in; quotas: what each owner is to win in each month; frozen:
    vintages of closed months, which bridges compare. No rows give empty columns.
    """
    if not len(columns["deal"]):
        return as_columns([])
    w = read(columns, names, as_of)
    last = moment(w.as_of).month - 1
    s = study(w.by_pipeline, last)
    others = {name: regrouped(s, h) for name, h in w.others.items()}
    spells = {name: split.spells for name, split in ({"pipeline": s} | others).items()}
    chunks = _past_chunks(s, others, last, fiscal_start, w, quotas or {}, frozen)
    del s, others  # the running month has a study of its own
    return as_columns(chunks + current_chunks(w, spells, fiscal_start, quotas or {}))


def _past_chunks(
    s: Study,
    others: dict[str, Study],
    last: int,
    fiscal_start: int,
    w: Warehouse,
    quotas: Quotas,
    frozen: Frozen | None,
) -> list[Chunk]:
    """Vintages of past month ends, what they are judged by, why each differs from the one before, the odds of owners
    as each month began, and the odds of each deal at the last of them."""
    owners, others = others["owner"], {name: split for name, split in others.items() if name != "owner"}
    of_owners: list[Chunk] = []
    origins = [o for o in origins_of(s, last) if o > last - ORIGINS]
    vintages, spans = [], []
    pairs = Pairs(s, w.money, w.names, frozen)
    closed = {o for o in (frozen.months if frozen else ()) if last - ORIGINS < o <= last and has_forecast(s, o)}
    for o in sorted({*origins, *closed}):  # all at once: a study keeps the deals of one month end only
        pairs.add(point(s, o))
        if o in origins:
            vintages += vintage_rows(s, o, "pipeline", others)
            spans += vintage_periods(s, o, fiscal_start, last, {"pipeline": s} | others)
            of_owners += [_weighted(s, owners, o, o), _opening_odds(s, owners, o, quotas)]
    chunks = [
        _vintages(vintages),
        _judged(judged_rows(s, vintages, last, others)),
        period_columns(spans, "period"),
        *of_owners,
        *pairs.chunks,
    ]
    return [*chunks, _deal_months(s, last, w.deals)] if last in origins else chunks


def read(columns: Mapping[str, Any], names: Mapping[str, np.ndarray], as_of: np.datetime64) -> Warehouse:
    """Columns of int_forecast_histories as histories; arguments as of forecast_table."""
    order = np.lexsort((columns["happened_at"], columns["deal"]))
    c = {name: np.ma.filled(np.ma.asarray(values), _missing(values))[order] for name, values in columns.items()}
    close = c["close_date"].astype("datetime64[us]")
    by_pipeline = histories(
        c["deal"], c["happened_at"], c["stage"], c["kind"], c["amount"].astype(float), month_of(close),
        month_of(c["won_month"].astype("datetime64[us]")), c["pipeline"], c["probability"].astype(float),
        _texts(names["pipeline"]), close,
    )  # fmt: skip
    others = {
        name: replace(by_pipeline, segment=c[name].astype(np.int64), segments=_texts(names[name]))
        for name in ("team", "owner")
    }
    money = Money(c["native"].astype(float), c["currency"].astype(np.int64))
    return Warehouse(
        by_pipeline, others, names["deal"], as_of.astype("datetime64[us]"), money,
        Names(names["deal"], names["stage"], names["currency"]),
    )  # fmt: skip


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


def _weighted(s: Study, owners: Study, as_of: int, month: int) -> Chunk:
    pipeline, owner, value = weighted_by(s, owners, point(s, as_of))
    return {"record": "weighted", "as_of_month": np.full(len(value), month), "segment": pipeline, "owner_key": owner,
            "forecast": value}  # fmt: skip


def _opening_odds(s: Study, owners: Study, as_of: int, quotas: Quotas) -> Chunk:
    """Odds of the month after as_of, as its vintage has them."""
    p = point(s, as_of)
    asked = [each for each in each_part(s, p, {"owner": owners}) if quotas.get((each.name, as_of + 1), 0) > 0]
    return {**_odds(as_of + 1, {each.name: month_ahead(s, p, each) for each in asked}, quotas),
            "as_of_month": np.full(len(asked), as_of)}  # fmt: skip


def _odds(month: int, months: dict[str, Month], quotas: Quotas) -> Chunk:
    wanted = {owner: quotas[owner, month] for owner in months}
    return {
        "record": "odds", "target_month": np.full(len(months), month),
        "owner_key": np.array(list(months), dtype=object),
        "p_attain": np.array([m.odds(wanted[owner]) for owner, m in months.items()], dtype=float),
        "pipeline_needed": np.array([m.pipeline_needed(wanted[owner]) for owner, m in months.items()], dtype=float),
    }  # fmt: skip


def current_chunks(
    w: Warehouse, spells: Mapping[str, Spells], fiscal_start: int = 1, quotas: Quotas | None = None
) -> list[Chunk]:
    """forecast_current by segment type, what the same day of past months said, each owner's months, and the outlook of
    each open deal. spells: by segment type, of the histories as they are."""
    now = moment(w.as_of)
    r = running(w.by_pipeline, spells["pipeline"], now)
    s = r.shifted
    if not has_forecast(s, now.shifted_as_of):
        return []
    p, scores, fine = point(s, now.shifted_as_of), running_scores(r, now.month), running_scores(r, now.month, EVEN)
    inside, share = is_running_calibrated(r, now.month).astype(float), share_at(r, now.month)
    version = METHOD + ("-cold" if p.is_cold else "")
    same = {"method": "funnel", "method_version": version, "note": notes(s, p)}
    horizon = np.arange(MONTHS)

    def chunks(record: str, segment_type: str, segment: str, part: Part, booked: Floats) -> Iterator[Chunk]:
        found = current_of(part, booked, share, scores)
        for component in COMPONENTS:
            low, middle, high = found.quantiles[component].T
            yield same | {
                "record": record, "target_month": now.month + horizon, "horizon_months": horizon,
                "component": component, "segment_type": segment_type, "segment": segment,
                "forecast": found.mean[component], "p10": low, "p50": middle, "p90": high,
                "is_within_calibration": inside,
            }  # fmt: skip

    histories_of = {"pipeline": w.by_pipeline} | dict(w.others)
    spells = {name: standing_wins(histories_of[name], x) for name, x in spells.items()}
    rows: list[Chunk] = []
    spans: list[PeriodRow] = []
    owing: dict[str, Month] = {}
    wanted = quotas or {}
    splits = {name: replace(s.histories, segment=h.segment, segments=h.segments) for name, h in w.others.items()}
    shifted = {"pipeline": s} | {name: regrouped(s, h) for name, h in splits.items()}
    for each in each_part(s, p, shifted):
        record = "owner" if each.kind == "owner" else "current"
        mine = spells["pipeline" if each.index is None else each.kind]
        booked = booked_from(mine, now, each.index)
        rows += chunks(record, each.kind, each.name, each.part, booked)
        if record == "owner" and wanted.get((each.name, now.month), 0) > 0:
            owing[each.name] = running_month(s, p, each, float(booked[0]), share, fine[0])
        if record == "current":
            found = current_of(each.part, booked, share, fine)
            spans += current_periods(p, each, found, share, now, fiscal_start, Won(mine, each.index, now.month))
    weighted = _weighted(s, shifted["owner"], now.shifted_as_of, now.month)
    past = [month for month in running_months(r, now.month - 1) if month >= now.month - ORIGINS]
    judged = _judged(running_judged(r, past, now.month - 1, "funnel_current"))
    more = [period_columns(spans, "current_period"), weighted, _odds(now.month, owing, wanted), judged]
    return [*rows, *more, outlook(s, p, now, w.deals)]

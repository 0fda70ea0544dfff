"""From the warehouse's columns to the forecast's tables, as columns again: what the dbt model of this name runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from forecasting.current import MONTHS, booked_from, current_of, moment, standing_wins
from forecasting.deals import outlook
from forecasting.histories import Floats, histories, month_of
from forecasting.notes import notes
from forecasting.pairs import Frozen, Names
from forecasting.past import (
    ORIGINS,
    Quotas,
    Warehouse,
    basis,
    judged_chunk,
    odds_rows,
    past_chunks,
    past_of,
    weighted,
    with_actuals,
)
from forecasting.periods import PeriodRow, Won, current_periods, each_part, period_columns
from forecasting.quotas import Month, running_month
from forecasting.records import Chunk, as_columns
from forecasting.running import is_running_calibrated, running, running_judged, running_months, running_scores, share_at
from forecasting.said import Money
from forecasting.segments import COMPONENTS, Part
from forecasting.simulation import LEVELS as EVEN
from forecasting.spells import Spells, spells_of, under
from forecasting.study import regrouped
from forecasting.vintage import METHOD, has_forecast, point

Held = Callable[[str], dict[str, np.ndarray] | None]
"""From a basis to the records in past.ACTUALS of a table that rests on it, as columns; None: there is no such table."""


def forecast_table(
    columns: Mapping[str, Any],
    names: Mapping[str, np.ndarray],
    as_of: np.datetime64,
    fiscal_start: int = 1,
    quotas: Quotas | None = None,
    frozen: Frozen | None = None,
    held: Held | None = None,
    version: str = "",
) -> dict[str, np.ndarray]:
    """All records of the forecast as columns (see COLUMNS).

    columns, names: as forecasting.coded makes them of int_forecast_histories, rows in any order: times naive, in the
    reporting time zone, amounts in the reporting currency, keys as codes, `kind` as OPEN, WON or LOST. as_of: naive,
    too; fiscal_start: month the fiscal year starts in; quotas: what each owner is to win in each month; frozen:
    vintages of closed months, which bridges compare; held: where it has a table with this basis, the records of
    past.KEPT as of past months are left out: they are those of it; version: of the code, a part of the basis. No rows
    give empty columns.
    """
    if not len(columns["deal"]):
        return as_columns([])
    w = read(columns, names, as_of)
    last, quotas = moment(w.as_of).month - 1, quotas or {}
    known = past_of(w, last, fiscal_start, quotas, frozen)
    rests_on = f"{basis(known)} {version}"
    past = held(rests_on) if held else None
    if past is None:
        past = as_columns(past_chunks(known))
    del known  # the running month has a study of its own
    whole, _ = spells_of(w.by_pipeline)
    spells = {"pipeline": whole} | {name: under(whole, h) for name, h in w.others.items()}
    segments = {"pipeline": w.by_pipeline.segments} | {name: h.segments for name, h in w.others.items()}
    past = with_actuals(past, spells, segments, last)
    told = {"record": "basis", "note": np.array([rests_on], dtype=object)}
    now = as_columns([*current_chunks(w, spells, fiscal_start, quotas), told])
    return {name: np.concatenate((past[name], now[name])) for name in now}


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
    sales = replace(by_pipeline, segment=c["sales"].astype(np.int64), segments=_texts(names["sales"]))
    money = Money(c["native"].astype(float), c["currency"].astype(np.int64))
    return Warehouse(
        by_pipeline, others, names["deal"], as_of.astype("datetime64[us]"), money,
        Names(names["deal"], names["stage"], names["currency"]), sales,
    )  # fmt: skip


def _texts(names: np.ndarray) -> tuple[str, ...]:
    return tuple(str(name) for name in names)


def _missing(values: Any) -> Any:
    kind = np.asarray(values).dtype.kind
    return np.datetime64("NaT") if kind == "M" else np.nan if kind == "f" else -1


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
            owing[each.name] = running_month(s, p, each, float(booked[0]), share)
        if record == "current":
            found = current_of(each.part, booked, share, fine)
            spans += current_periods(p, each, found, share, now, fiscal_start, Won(mine, each.index, now.month))
    sales = regrouped(s, replace(s.histories, segment=w.sales.segment, segments=w.sales.segments))
    by_owner = weighted((s, shifted["owner"], sales), now.shifted_as_of, now.month)
    past = [month for month in running_months(r, now.month - 1) if month >= now.month - ORIGINS]
    judged = judged_chunk(running_judged(r, past, now.month - 1, "funnel_current"))
    more = [period_columns(spans, "current_period"), by_owner, odds_rows(now.month, owing, wanted), judged]
    return [*rows, *more, outlook(s, p, now, w.deals)]

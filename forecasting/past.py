"""Records of past month ends: vintages, what they are judged by, odds of owners and of deals as the months began.

They rest on what had happened by the last month end, so that a refresh within a month keeps them (see `basis`). What
came of them moves with every win that is entered late or undone, and is filled in anew each time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecasting.backtest import Judged, Row, actual_of, default_origins, judged_rows, vintage_rows, wins_of
from forecasting.hazards import HORIZONS
from forecasting.histories import Histories, month_of, month_start
from forecasting.pairs import Frozen, Names, Pairs
from forecasting.periods import Won, each_part, period_columns, vintage_periods
from forecasting.quotas import Month, month_ahead, weighted_by
from forecasting.records import Chunk
from forecasting.said import Money
from forecasting.spells import Spells
from forecasting.study import Study, regrouped, study
from forecasting.vintage import has_forecast, point

ORIGINS = 24
"""Past month ends that are published."""
ACTUALS = ("judged", "period")
"""Records with a column `actual`."""
KEPT = ("vintage", "weighted", "odds", "deal", "bridge")
"""The other records as of past months."""
Quotas = Mapping[tuple[str, int], float]
"""By owner and month number."""


@dataclass(frozen=True)
class Warehouse:
    """Histories by pipeline, the other ways to segment the same rows, the deals' keys by their code, the instant they
    end at, of each row the amount in its own currency, keys by code for the bridge, and the same rows by type and
    source of the deal, which no vintage is told by."""

    by_pipeline: Histories
    others: dict[str, Histories]
    deals: np.ndarray
    as_of: np.datetime64
    money: Money
    names: Names
    sales: Histories


@dataclass(frozen=True)
class Past:
    """What was known at the end of month `last`; month the fiscal year starts in; quotas; vintages of closed months."""

    known: Warehouse
    last: int
    fiscal_start: int
    quotas: Quotas
    frozen: Frozen | None = None


def past_of(w: Warehouse, last: int, fiscal_start: int, quotas: Quotas, frozen: Frozen | None = None) -> Past:
    """All of that cut at the end of month `last`. Deals are numbered anew: one created later changes nothing."""
    rows = w.by_pipeline.at < month_start(last + 1)
    cut = w.by_pipeline.rows(rows)
    cut, codes = replace(cut, deal=np.cumsum(cut.is_first) - 1), cut.deal[cut.is_first]
    others = {name: replace(cut, segment=h.segment[rows], segments=h.segments) for name, h in w.others.items()}
    money = Money(w.money.native[rows], w.money.currency[rows])
    deals = w.deals[codes]
    sales = replace(cut, segment=w.sales.segment[rows], segments=w.sales.segments)
    known = Warehouse(cut, others, deals, w.as_of, money, replace(w.names, deals=deals), sales)
    return Past(known, last, fiscal_start, quotas, frozen)


def basis(past: Past) -> str:
    """Digest of all that `past_chunks` looks at."""
    digest, w = hashlib.blake2b(digest_size=16), past.known
    arrays = [*vars(w.by_pipeline).values(), *vars(w.money).values(), *(h.segment for h in w.others.values())]
    arrays += [w.sales.segment]
    arrays += [*vars(w.names).values()]
    if past.frozen is not None:
        arrays += [*past.frozen.deals.values(), *past.frozen.figures.values()]
    for values in arrays:
        if isinstance(values, np.ndarray):
            is_text = values.dtype.kind == "O"
            digest.update("\x1f".join(map(str, values.tolist())).encode() if is_text else values.tobytes())
    segments = [(name, h.segments) for name, h in [("pipeline", w.by_pipeline), *w.others.items(), ("sales", w.sales)]]
    digest.update(repr((past.last, past.fiscal_start, segments, sorted(past.quotas.items()))).encode())
    return digest.hexdigest()


def past_chunks(past: Past) -> list[Chunk]:
    """Vintages of past month ends, what they are judged by, why each differs from the one before, the odds of owners
    as each month began, and the odds of each deal at the last of them. What came of them is left to `with_actuals`."""
    last, quotas = past.last, past.quotas
    w = past.known
    if not len(w.by_pipeline):
        return []
    s = study(w.by_pipeline, last)
    others = {name: regrouped(s, h) for name, h in w.others.items()}
    owners, others = others["owner"], {name: split for name, split in others.items() if name != "owner"}
    sales = regrouped(s, w.sales)
    of_owners: list[Chunk] = []
    origins = [o for o in origins_of(s, last) if o > last - ORIGINS]
    vintages, spans = [], []
    pairs, frozen = Pairs(s, w.money, w.names, past.frozen), past.frozen.months if past.frozen else set()
    closed = {o for o in frozen if last - ORIGINS < o <= last and has_forecast(s, o)}
    for o in sorted({*origins, *closed}):  # all at once: a study keeps the deals of one month end only
        pairs.add(point(s, o))
        if o in origins:
            vintages += vintage_rows(s, o, "pipeline", others)
            spans += vintage_periods(s, o, past.fiscal_start, last, {"pipeline": s} | others)
            of_owners += [weighted((s, owners, sales), o, o), _opening_odds(s, owners, o, quotas)]
    chunks = [
        _vintages(vintages),
        judged_chunk(judged_rows(s, vintages, last, others)),
        period_columns(spans, "period"),
        *of_owners,
        *pairs.chunks,
    ]
    return [*chunks, _deal_months(s, last, w.deals)] if last in origins else chunks


def with_actuals(
    columns: dict[str, np.ndarray], spells: Mapping[str, Spells], segments: Mapping[str, tuple[str, ...]], last: int
) -> dict[str, np.ndarray]:
    """The columns with `actual` of the records in ACTUALS as it stands now.

    spells, segments: by segment type, of the whole histories."""
    wins = {kind: wins_of(x, segments[kind]) for kind, x in spells.items()}
    won = {("all", "all"): Won(spells["pipeline"], None, None)} | {
        (kind, name): Won(x, i, None) for kind, x in spells.items() for i, name in enumerate(segments[kind])
    }
    actual = columns["actual"].copy()
    months = {name: month_of(columns[name]) for name in ("as_of_month", "target_month", "last_month")}
    for i in np.flatnonzero(columns["record"] == "judged"):
        kind = columns["segment_type"][i]
        actual[i] = actual_of(
            wins["pipeline" if kind == "all" else kind], int(months["as_of_month"][i]), int(months["target_month"][i]),
            columns["component"][i], kind, columns["segment"][i],
        )  # fmt: skip
    for i in np.flatnonzero(columns["record"] == "period"):
        first, end = int(months["target_month"][i]), int(months["last_month"][i])
        segment = columns["segment_type"][i], columns["segment"][i]
        actual[i] = won[segment].of(first, end) if end <= last else np.nan
    return columns | {"actual": actual}


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


def judged_chunk(rows: Sequence[Judged]) -> Chunk:
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


def weighted(splits: tuple[Study, Study, Study], as_of: int, month: int) -> Chunk:
    """splits: the same study by pipeline, by owner, and by type and source (which go to `note`)."""
    (pipeline, owner, kind), value = weighted_by(splits, point(splits[0], as_of))
    return {"record": "weighted", "as_of_month": np.full(len(value), month), "segment": pipeline, "owner_key": owner,
            "note": kind, "forecast": value}  # fmt: skip


def _opening_odds(s: Study, owners: Study, as_of: int, quotas: Quotas) -> Chunk:
    """Odds of the month after as_of, as its vintage has them."""
    p = point(s, as_of)
    asked = [each for each in each_part(s, p, {"owner": owners}) if quotas.get((each.name, as_of + 1), 0) > 0]
    return {**odds_rows(as_of + 1, {each.name: month_ahead(s, p, each) for each in asked}, quotas),
            "as_of_month": np.full(len(asked), as_of)}  # fmt: skip


def odds_rows(month: int, months: dict[str, Month], quotas: Quotas) -> Chunk:
    wanted = {owner: quotas[owner, month] for owner in months}
    return {
        "record": "odds", "target_month": np.full(len(months), month),
        "owner_key": np.array(list(months), dtype=object),
        "p_attain": np.array([m.odds(wanted[owner]) for owner, m in months.items()], dtype=float),
        "pipeline_needed": np.array([m.pipeline_needed(wanted[owner]) for owner, m in months.items()], dtype=float),
    }  # fmt: skip

"""Records of the forecast as one table: the columns, and chunks of records put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from forecasting.histories import month_start

COLUMNS: dict[str, str] = {
    "record": "str", "as_of_month": "date", "target_month": "date", "horizon_months": "float", "component": "str",
    "segment_type": "str", "segment": "str", "method": "str", "forecast": "float", "p10": "float", "p50": "float",
    "p90": "float", "actual": "float", "crm_weighted": "float", "naive": "float", "is_within_calibration": "float",
    "method_version": "str", "deal_key": "str", "p_won": "float", "p_lost": "float", "p_open": "float",
    "win_30d": "float", "win_60d": "float", "win_90d": "float", "amount_if_won": "float", "p_push": "float",
    "note": "str", "period_type": "str", "last_month": "date", "is_whole": "float", "so_far": "float",
    "owner_key": "str", "p_attain": "float", "pipeline_needed": "float",
}  # fmt: skip
"""Columns of the result and what they hold (flags as 0 and 1). `record` says which of them a row uses: vintage,
judged, deal (per deal and month), outlook (per deal), current, owner, period, current_period, weighted (per pipeline,
owner and, in `note`, type and source of the deals), odds (per owner and month), bridge (its cause in `method`), basis
(one row: what the records of past month ends rest on, in `note`; see past.basis)."""
Chunk = dict[str, Any]
"""Columns of some records: arrays of one length, or one value for all of them."""


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

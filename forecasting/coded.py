"""The warehouse's histories as arrays of numbers: a million rows of text would weigh more than all of the forecast."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.pairs import Frozen
from forecasting.past import ACTUALS, KEPT
from forecasting.records import COLUMNS

CODED = ("deal", "stage", "pipeline", "team", "owner", "currency", "sales")
"""Columns with a key that become a number each, called like this and `_key` in the warehouse."""


def coded(histories: Any) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Columns and names, as forecasting.tables takes them.

    histories: a DuckDB relation with the columns of int_forecast_histories and sales_key (type and source of the deal;
    without it all deals are alike in these).
    A number is the key's place among the keys in their order; names: by column the keys in the order of their numbers.
    """
    if "sales_key" not in histories.columns:  # a backtest says nothing by type and source
        histories = histories.project("*, '' as sales_key")
    names, joins = {}, []
    for name in CODED:
        key = f"coalesce({name}_key, '')"
        names[name] = histories.query("h", f"select distinct {key} as name from h order by name").fetchnumpy()["name"]
        joins.append(
            f"inner join (select name, row_number() over (order by name) - 1 as {name}"
            f" from (select distinct {key} as name from h)) as {name}s on {key} = {name}s.name"
        )
    columns = histories.query(
        "h",
        f"select {', '.join(CODED)}, happened_at, amount, native_amount as native, close_date, won_month, probability,"
        f" list_position(['open', 'won', 'lost'], kind) - 1 as kind from h {' '.join(joins)}",
    ).fetchnumpy()
    return columns, names


def frozen_columns(deals: Any, figures: Any) -> Frozen | None:
    """Frozen vintages as forecasting.tables takes them; None where no month was closed.

    deals, figures: DuckDB relations over meta.frozen_deal_months and meta.frozen_forecasts."""
    of_company = figures.filter("segment_type = 'all'").project(
        "as_of_month_end as month, horizon_months as horizon, component, expected_revenue::double as expected,"
        " method_version as method"
    )
    by_deal = deals.project(
        "as_of_month_end as month, target_month as target, deal_key as key, p_won, expected_amount::double as expected,"
        " coalesce(amount_reporting::double, 'nan') as amount, coalesce(amount::double, 'nan') as native,"
        " coalesce(currency, '') as currency, close_month as due"
    )
    told = of_company.fetchnumpy()
    return Frozen(_plain(by_deal.fetchnumpy()), _plain(told)) if len(told["month"]) else None


def _plain(columns: dict[str, Any]) -> dict[str, np.ndarray]:
    """Without masks: a missing date is NaT."""
    return {
        name: np.ma.filled(values, np.datetime64("NaT")) if values.dtype.kind == "M" else np.ma.getdata(values)
        for name, values in columns.items()
    }


def code_version() -> str:
    """Digest of this package and of numpy's version: other code may say something else of the same histories."""
    digest = hashlib.blake2b(np.__version__.encode(), digest_size=8)
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def held_records(connection: Any, table: str, basis: str) -> dict[str, np.ndarray] | None:
    """Records of past.ACTUALS (but those of running months) as columns, where the table of an earlier build rests on
    this basis; else None."""
    schema, name = table.split(".")
    found = connection.execute(
        "select 1 from information_schema.tables where table_schema = ? and table_name = ?", [schema, name]
    ).fetchall()
    if not found:
        return None
    if not connection.execute(f"from {table} where record = 'basis' and note = ?", [basis]).fetchall():
        return None
    rows = connection.execute(
        f"from {table} where record in {ACTUALS} and method is distinct from 'funnel_current'"
    ).fetchnumpy()
    return {name: _as_made(rows[name], kind) for name, kind in COLUMNS.items()}


def _as_made(values: np.ndarray, kind: str) -> np.ndarray:
    """A column as forecasting.records makes it: what is null in the table is None, NaN or NaT."""
    missing = np.ma.getmaskarray(values)
    if kind == "str":
        texts = np.ma.getdata(values).astype(object)
        texts[missing] = None
        return texts
    nothing = np.nan if kind == "float" else np.datetime64("NaT")
    return np.ma.filled(values.astype(np.float64 if kind == "float" else "datetime64[us]"), nothing)


def kept_rows(table: str) -> str:
    """Query of the records that a build on the same basis keeps."""
    return (
        f"from {table} where record in {KEPT}"
        f" and as_of_month <= (select max(as_of_month) from {table} where record = 'vintage')"
    )

"""The warehouse's histories as arrays of numbers: a million rows of text would weigh more than all of the forecast."""

from __future__ import annotations

from typing import Any

import numpy as np

CODED = ("deal", "stage", "pipeline", "team", "owner", "currency")
"""Columns with a key that become a number each, called like this and `_key` in the warehouse."""


def coded(histories: Any) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Columns and names, as forecasting.tables takes them.

    histories: a DuckDB relation with the columns of int_forecast_histories. A number is the key's place among the keys
    in their order; names: by column the keys in the order of their numbers."""
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

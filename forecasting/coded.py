"""The warehouse's histories as arrays of numbers: a million rows of text would weigh more than all of the forecast."""

from __future__ import annotations

from typing import Any

import numpy as np

from forecasting.pairs import Frozen

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

"""`funnel explain MONTH forecast_revenue`: what is expected now, what each month end said, its deals and what came."""

from __future__ import annotations

from datetime import date
from typing import Any

import duckdb

from orchestration.errors import WrongUse
from orchestration.warehouse import rows_of

SEGMENT = "target_month = ? and segment_type = ? and segment = ?"


def forecast(
    connection: duckdb.DuckDBPyConnection, month: date, segment_type: str, segment: str, top: int
) -> dict[str, Any]:
    """`figure` is the current forecast's total; of a month that is over the last vintage's before it.

    Errors: WrongUse where no forecast is about the month.
    """
    asked = [month, segment_type, segment]
    now = _rows(
        connection,
        f"select component, expected_revenue, p10, p50, p90 from marts.forecast_current where {SEGMENT}",
        asked,
    )
    vintages = _rows(
        connection,
        f"""select as_of_month_end, expected_revenue, p10, p90, known_at, frozen_at, revision, is_late,
                is_reconstructed, method_version, note
            from marts.forecast_monthly where {SEGMENT} and component = 'total' order by as_of_month_end desc""",
        asked,
    )
    if not now and not vintages:
        raise WrongUse(f"No forecast is about {month:%Y-%m}.", "Forecasts reach nine months ahead of a month end.")
    came = _rows(
        connection,
        """select won_amount_now, is_complete_month from marts.actual_revenue_monthly
           where month = ? and segment_type = ? and segment = ?""",
        asked,
    )
    total = next((row["expected_revenue"] for row in now if row["component"] == "total"), None)
    return {
        "figure": total if total is not None else vintages[0]["expected_revenue"],
        "components": now,
        "vintages": vintages,
        "won_so_far": came[0] if came else None,
        "changes": _changes(connection, month) if segment_type == "all" else [],
        "deals": _deals(connection, asked, top),
    }


def _deals(connection: duckdb.DuckDBPyConnection, asked: list[Any], top: int) -> dict[str, Any] | None:
    """Open deals of the last month end in its vintage; None where that vintage is not about the month, and for a team
    (in which team the forecast counts a deal, no published table says).

    Each deal's part is rounded to the cent: they add up to the component but for these roundings.
    """
    month, kind, key = asked
    if kind == "team":
        return None
    test = "true" if kind == "all" else "ends.pipeline_key = $2"
    connection.execute(
        f"""create or replace temp table expected as
            select m.as_of_month_end, m.deal_key, m.expected_amount, m.p_won, m.amount, m.currency
            from marts.forecast_deal_months as m
            left join marts.fct_pipeline_month_end as ends
                on m.deal_key = ends.deal_key and m.as_of_month_end = ends.month_end
            where m.target_month = $1 and {test}""",
        [month] if kind == "all" else [month, key],
    )
    [count, total, at] = connection.execute(
        "select count(*), sum(expected_amount), max(as_of_month_end) from expected"
    ).fetchone() or (0, None, None)
    if not count:
        return None
    component = connection.execute(
        f"""select expected_revenue from marts.forecast_monthly
            where {SEGMENT} and component = 'open_pipeline' and as_of_month_end = ?""",
        [*asked, at],
    ).fetchone() or (None,)
    rows = _rows(
        connection,
        f"""select deal_key, deal_name, 'open' as part, expected_amount as value, p_won, owner_name,
                dim_deals.source_url
            from expected left join marts.dim_deals using (deal_key)
            left join marts.dim_owners on dim_deals.owner_key = dim_owners.owner_key
            order by expected_amount desc, deal_key limit {int(top)}""",
    )
    return {
        "vintage": at, "component": "open_pipeline", "count": count, "made_of_them": total,
        "difference": None if component[0] is None else component[0] - total, "top": rows,
    }  # fmt: skip


def _changes(connection: duckdb.DuckDBPyConnection, month: date) -> list[dict[str, Any]]:
    """By cause: what the newest vintage about the month says otherwise than the one before it."""
    return _rows(
        connection,
        """select as_of_month_end, cause, sum(amount) as amount from marts.forecast_bridge
           where target_month = $1 and as_of_month_end =
               (select max(as_of_month_end) from marts.forecast_bridge where target_month = $1)
           group by 1, 2 order by abs(sum(amount)) desc""",
        [month],
    )


def _rows(connection: duckdb.DuckDBPyConnection, sql: str, values: list[Any] | None = None) -> list[dict[str, Any]]:
    return rows_of(connection, sql, values or [])

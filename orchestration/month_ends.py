"""meta.month_end_changes of a publication: which month-end rows are not what the publication before said, and why.

A month end that is past must not move unless the source's own history did. Compared is what the source tells of a deal
(pipeline, stage, owner, amount, currency, close date, forecast category); exchange rates are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

FACT, MONTHS, LEDGER = "marts.fct_pipeline_month_end", "marts.mart_sales_kpis_monthly", "marts.fct_deal_events"
TOLD = ("pipeline_key", "stage_key", "owner_key", "amount", "currency", "close_date", "forecast_category")
COLUMNS = (
    "month_end date, deal_key varchar, change varchar, changed_columns varchar, cause varchar, history_events bigint, "
    "since_publication varchar"
)
_CHANGED = ", ".join(f"case when a.{name} is distinct from b.{name} then '{name}' end" for name in TOLD)
_DIFFERING = f"""
    with shared as (
        select min(month_end) as month_end from (
            select max(month_end) as month_end from w.{MONTHS} where is_complete_month
            union all select max(month_end) from before.{MONTHS} where is_complete_month
        )
    )
    select coalesce(a.month_end, b.month_end) as month_end, coalesce(a.deal_key, b.deal_key) as deal_key,
        case when b.deal_key is null then 'added' when a.deal_key is null then 'removed' else 'changed' end as change,
        case when a.deal_key is not null and b.deal_key is not null then concat_ws(', ', {_CHANGED}) end
            as changed_columns
    from w.{FACT} as a
    full join before.{FACT} as b on a.month_end = b.month_end and a.deal_key = b.deal_key
    where coalesce(a.month_end, b.month_end) <= (select month_end from shared)
        and (a.deal_key is null or b.deal_key is null or concat_ws(', ', {_CHANGED}) <> '')"""
# Events that only one of the two ledgers has; a merge takes the whole of a deal's past, whenever it happened.
_HISTORY = f"""
    select changes.month_end, changes.deal_key, count(*) as history_events
    from changes
    inner join (
        select deal_key, event_key, field, effective_at from w.{LEDGER} as ours
        where deal_key in (select deal_key from changes)
            and event_key not in (select event_key from before.{LEDGER} where deal_key = ours.deal_key)
        union all
        select deal_key, event_key, field, effective_at from before.{LEDGER} as theirs
        where deal_key in (select deal_key from changes)
            and event_key not in (select event_key from w.{LEDGER} where deal_key = theirs.deal_key)
    ) as events on changes.deal_key = events.deal_key
    inner join w.intermediate.int_months as months on changes.month_end = months.month_end
    where events.effective_at < months.ends_at or events.field = 'merged_into'
    group by all"""


def write(
    connection: duckdb.DuckDBPyConnection, current: Path, contents: Mapping[str, str], was: Mapping[str, Any]
) -> None:
    """Creates p.meta.month_end_changes: `w` is the warehouse, `p` the new release, both attached.

    `current`: folder of the publication before, `was` its manifest (empty: there is none), `contents`: hashes of the
    new tables. Empty where nothing changed or a side lacks a table.
    """
    connection.execute(f"create table p.meta.month_end_changes ({COLUMNS})")
    if not was or was.get("contents", {}).get(FACT) == contents.get(FACT):
        return
    file = str((current / "funnel.duckdb").resolve()).replace("'", "''")
    connection.execute(f"attach '{file}' as before (read_only)")
    if all(_has(connection, side, table) for side in ("w", "before") for table in (FACT, MONTHS, LEDGER)):
        connection.execute(f"create temp table changes as {_DIFFERING}")
        connection.execute(f"create temp table histories as {_HISTORY}")
        connection.execute(
            """insert into p.meta.month_end_changes
               select month_end, deal_key, change, changed_columns,
                   case when history_events > 0 then 'source history' else 'configuration or code' end,
                   coalesce(history_events, 0), ?
               from changes left join histories using (month_end, deal_key) order by all""",
            [was["id"]],
        )
        connection.execute("drop table changes; drop table histories")
    connection.execute("detach before")


def _has(connection: duckdb.DuckDBPyConnection, database: str, table: str) -> bool:
    schema, name = table.split(".")
    found = connection.execute(
        "select count(*) from duckdb_tables() where database_name = ? and schema_name = ? and table_name = ?",
        [database, schema, name],
    ).fetchone()
    return bool(found and found[0])

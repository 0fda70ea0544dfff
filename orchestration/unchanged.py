"""Whether a run has anything to build: dbt is left out where nothing new was said and the day is still the same.

Whole lists (pipelines, owners, properties, counts) land at every sync and re-read records often say what they said: not
windows count, but content. In doubt everything is built.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from ingestion.registry import vendors
from orchestration import dbt_build, warehouse
from orchestration.home import read_json

if TYPE_CHECKING:
    import duckdb

    from orchestration.session import Session

VOLATILE = {"source_counts": ("counted_at",)}
"""Fields that say when, not what."""
CONFIGURED = (
    "configured_rates",
    "configured_targets",
    "configured_ledger",
    "configured_stages",
    "configured_thresholds",
    "configured_teams",
    "configured_sources",
    "frozen_vintages",
    "forecast_waivers",
    "forecast_adjustments",
    "source_reach",
)
BUILD = "last_build"
COLUMNS = """run_id varchar, as_of timestamptz, started_at timestamptz, project varchar, configuration varchar,
    window_seq bigint"""
MOMENTS = (
    ("intermediate.int_deal_events", "effective_at"),
    ("intermediate.int_deals", "created_at"),
    ("intermediate.int_lead_events", "effective_at"),
    ("intermediate.int_leads", "created_at"),
    ("intermediate.int_leads", "deleted_at"),
    ("intermediate.int_leads", "merged_at"),
    ("intermediate.int_companies", "created_at"),
    ("intermediate.int_companies", "deleted_at"),
)
"""What is dated: anything between the old as-of and the new one becomes true in between."""


def remember(session: Session) -> None:
    """A whole build and its tests came through: what it was made from. Tables written later are not of it."""
    with warehouse.connect(session.path) as connection:
        connection.execute(f"create or replace table meta.{BUILD} ({COLUMNS})")
        connection.execute(
            f"""insert into meta.{BUILD} select run_id, as_of, started_at, ?, ?,
                (select coalesce(max(window_seq), 0) from raw._windows) from meta.run_clock""",
            [dbt_build.fingerprint(session.settings), _configuration(connection)],
        )


def stands(session: Session) -> bool:
    """True where the tables as they are, those of `current`, are what a build would make again.

    The run clock then goes back to the build's own instant: it says what the tables show.
    """
    request = session.request
    if request.as_of or request.publish or request.full or request.accept or session.failed_sources():
        return False
    with warehouse.connect(session.path) as connection:
        if not warehouse.exists(connection, f"meta.{BUILD}"):
            return False
        rows = warehouse.rows_of(connection, f"select * from meta.{BUILD}")
        if len(rows) != 1 or not _is_same(session, connection, rows[0]):
            return False
    if not _is_current(session):
        return False
    with warehouse.connect(session.path) as connection:
        connection.execute("begin; delete from meta.run_clock")
        connection.execute(f"insert into meta.run_clock select as_of, run_id, started_at from meta.{BUILD}; commit")
        _count_again(session, connection)
    return True


def _count_again(session: Session, connection: duckdb.DuckDBPyConnection) -> None:
    """The run's rows of meta.source_reconciliation: the build's, for what was counted and landed again is the same.

    Of the sources that this run read; they are published with the next tables that are.
    """
    read = {report.source for report in session.reports}
    for source in (c for c in session.settings.connections if c.name in read):
        table = f"raw.{source.vendor}__source_counts"
        counted = None
        if warehouse.exists(connection, table):
            counted = connection.execute(
                f"""select max_by(try_cast(record ->> 'counted_at' as timestamptz), window_seq) from {table}
                    where source = ?""",
                [source.name],
            ).fetchall()[0][0]
        connection.execute(
            f"""insert into {warehouse.RECONCILIATION} by name
                select * replace ($1 as run_id, $2 as as_of, $3 as run_started_at,
                    coalesce($4, counted_at) as counted_at)
                from {warehouse.RECONCILIATION} where source = $5 and run_id = (select run_id from meta.run_clock)""",
            [session.run_id, session.as_of, session.started_at, counted, source.name],
        )


def _is_same(session: Session, connection: duckdb.DuckDBPyConnection, built: dict[str, Any]) -> bool:
    """Whether project, configuration, content and day are those of the build. Cheapest question first."""
    project = connection.execute("select any_value(fingerprint) from meta.built_project").fetchone()
    return (
        _same_day(built["as_of"], session.as_of, session.settings.config.reporting_timezone)
        and project == (built["project"],)
        and built["project"] == dbt_build.fingerprint(session.settings)
        and built["configuration"] == _configuration(connection)
        and not any(_says_more(connection, window) for window in _windows_since(connection, built["window_seq"]))
        and not any(_falls_between(connection, *moment, built["as_of"], session.as_of) for moment in MOMENTS)
    )


def _same_day(built: datetime, now: datetime, timezone: str) -> bool:
    """Whether the last instants before both lie on one day of the reporting time zone."""
    before = timedelta(microseconds=1)
    days = {(instant - before).astimezone(ZoneInfo(timezone)).date() for instant in (built, now)}
    return built <= now and len(days) == 1


def _windows_since(connection: duckdb.DuckDBPyConnection, sequence: int) -> list[dict[str, Any]]:
    return warehouse.rows_of(
        connection,
        """select source, vendor, stream, window_seq, row_count from raw._windows where window_seq > ?
           order by window_seq""",
        [sequence],
    )


def _says_more(connection: duckdb.DuckDBPyConnection, window: dict[str, Any]) -> bool:
    """Whether a window has a record that differs from the newest one before it, or lacks one of a whole list."""
    stream, sequence = window["stream"], window["window_seq"]
    rejects = connection.execute(
        "select count(*) from meta.load_rejects join raw._windows using (window_id) where window_seq = ?", [sequence]
    ).fetchone()
    if rejects and rejects[0]:
        return True
    table = f'raw."{window["vendor"]}__{stream}"'
    record = "record::varchar"
    if dropped := VOLATILE.get(stream):
        changes = ", ".join(f'"{name}": null' for name in dropped)
        record = f"json_merge_patch(record, '{{{changes}}}')::varchar"
    row = connection.execute(
        f"""with here as (select record_id, {record} as told from {table} where source = $1 and window_seq = $2),
            before as (
                select record_id, max_by({record}, (window_seq, part, line)) as told from {table}
                where source = $1 and window_seq < $2 and record_id in (select record_id from here)
                group by 1
            )
            select count(*) from here left join before using (record_id)
            where before.told is distinct from here.told""",
        [window["source"], sequence],
    ).fetchone()
    if row is None or row[0]:
        return True
    return vendors()[window["vendor"]].stream(stream).whole and _lacks(connection, table, window)


def _lacks(connection: duckdb.DuckDBPyConnection, table: str, window: dict[str, Any]) -> bool:
    """Whether the stream's previous window lists a record that this one does not."""
    row = connection.execute(
        f"""with before as (
                select max(window_seq) as window_seq from raw._windows
                where source = $1 and vendor = $2 and stream = $3 and window_seq < $4
            )
            select count(*) from (
                select record_id from {table} where source = $1 and window_seq = (select window_seq from before)
                except select record_id from {table} where source = $1 and window_seq = $4
            )""",
        [window["source"], window["vendor"], window["stream"], window["window_seq"]],
    ).fetchone()
    return row is None or bool(row[0])


def _falls_between(
    connection: duckdb.DuckDBPyConnection, table: str, column: str, built: datetime, now: datetime
) -> bool:
    row = connection.execute(
        f"select count(*) from {table} where {column} >= ? and {column} < ?", [built, now]
    ).fetchone()
    return row is None or bool(row[0])


def _is_current(session: Session) -> bool:
    """Whether what `current` shows are these very tables: refused or altered ones are built anew."""
    from orchestration.publish import table_contents

    manifest = read_json(session.home.published / "current" / "manifest.json")
    return manifest is not None and manifest.get("contents") == table_contents(session)


def _configuration(connection: duckdb.DuckDBPyConnection) -> str:
    return " ".join(warehouse.content_hash(connection, f"meta.{name}") for name in CONFIGURED)

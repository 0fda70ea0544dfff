"""The warehouse file: opening it, the run's clock and configuration that dbt reads, and the tables of the audit.

Beside ingestion.loading, nothing else opens warehouse.duckdb; dbt gets it from the runner in the same process.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import duckdb

from ingestion.errors import ConfigError
from ingestion.loading import open_warehouse
from ingestion.meaning import configured_teams
from ingestion.settings import Settings
from ingestion.stall import thresholds
from orchestration.errors import explain
from orchestration.home import Home
from orchestration.targets import read_targets
from orchestration.tie_out import read_ledger

FROZEN = {
    "frozen_vintages": "month_end date, revision integer, file varchar, sha256 varchar, known_at timestamptz, "
    "frozen_at timestamptz, frozen_by varchar, is_late boolean, method_version varchar, code_version varchar, "
    "is_latest boolean",
    "frozen_forecasts": "as_of_month_end date, target_month date, component varchar, segment_type varchar, "
    "segment varchar, horizon_months integer, expected_revenue decimal(18, 2), p10 decimal(18, 2), "
    "p50 decimal(18, 2), p90 decimal(18, 2), currency varchar, quota_amount decimal(18, 2), "
    "crm_weighted_amount decimal(18, 2), naive_amount decimal(18, 2), method_version varchar, "
    "is_within_calibration boolean, note varchar",
    "frozen_periods": "as_of_date date, period_type varchar, period_end date, segment_type varchar, segment varchar, "
    "won_so_far decimal(18, 2), expected_revenue decimal(18, 2), p10 decimal(18, 2), p50 decimal(18, 2), "
    "p90 decimal(18, 2)",
    "frozen_deal_months": "as_of_month_end date, deal_key varchar, target_month date, p_won double, p_lost double, "
    "p_open double, expected_amount decimal(18, 2), amount decimal(18, 2), currency varchar, "
    "amount_reporting decimal(18, 2), close_month date",
    "frozen_revenue": "month date, segment_type varchar, segment varchar, won_amount decimal(18, 2)",
    "frozen_wins": "month date, deal_key varchar, stage_key varchar, pipeline_key varchar, team_key varchar, "
    "amount decimal(18, 2), currency varchar, amount_reporting decimal(18, 2), won_at timestamptz",
    "frozen_won_stages": "month date, stage_key varchar",
}
"""What orchestration.vintages fills out of FUNNEL_HOME/vintages."""
TABLES = {
    "run_clock": "as_of timestamptz, run_id varchar, started_at timestamptz",
    "configured_rates": "currency varchar, kind varchar, date date, rate decimal(18, 8)",
    "configured_targets": "line integer, level varchar, key varchar, first_month date, last_month date, version date, "
    "quota decimal(18, 2), budget decimal(18, 2)",
    "configured_ledger": "line integer, month date, amount decimal(18, 2), currency varchar, pipeline varchar",
    "configured_stages": "source varchar, pipeline_id varchar, stage_id varchar, stage_category varchar",
    "configured_thresholds": "name varchar, source varchar, pipeline_id varchar, stage_id varchar, value double",
    "configured_teams": "source varchar, source_owner_id varchar, valid_from date, team_name varchar",
    "forecast_waivers": 'month_end date, "check" varchar, failing_rows varchar, reason varchar, signed_by varchar, '
    "signed_at timestamptz, expires_on date",
    "forecast_adjustments": "row_number integer, as_of_month_end date, target_month date, segment_type varchar, "
    "segment varchar, amount decimal(18, 2), delta decimal(18, 2), reason varchar, signed_by varchar, signed_on date, "
    "recorded_at timestamptz, is_in_time boolean",
    **FROZEN,
    "configured_sources": "source varchar, vendor varchar, home_currency varchar, account_id varchar",
    "source_reach": "source varchar, is_whole boolean, reached_at timestamptz",
    "check_results": '"check" varchar, "table" varchar, status varchar, failing_rows bigint, sample varchar, '
    "message varchar, kind varchar, run_id varchar, checked_at timestamptz",
    "audits": '"table" varchar, content_hash varchar, profile json, run_id varchar, checked_at timestamptz',
    "built_project": "fingerprint varchar",
    "publications": "id varchar, as_of timestamptz, known_at timestamptz, started timestamptz, finished timestamptz, "
    "code_version varchar, run_id varchar, window_ids varchar, files varchar",
}
RECONCILIATION = "meta.source_reconciliation"
RATE_KINDS = ("spot", "month_end", "plan")


@contextmanager
def connect(path: Path, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse in UTC; waits boundedly while a dying process of a killed run still holds it.

    Errors: FunnelError that names the holder where it does not let go.
    """
    try:
        with open_warehouse(path, read_only=read_only) as connection:
            yield connection
    except duckdb.IOException as error:
        raise explain(error) from error


def prepare(path: Path) -> None:
    """Make the tables of schema meta that this room writes."""
    with connect(path) as connection:
        connection.execute("create schema if not exists meta")
        for name in FROZEN:  # filled anew by each run, so that an earlier release's shape can go
            _drop_other_shape(connection, name)
        for name, columns in TABLES.items():
            connection.execute(f"create table if not exists meta.{name} ({columns})")


def _drop_other_shape(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    if exists(connection, f"meta.{name}"):
        there = [row[0] for row in connection.execute(f"describe meta.{name}").fetchall()]
        if there != [column.split()[0] for column in FROZEN[name].replace("(18, 2)", "").split(", ")]:
            connection.execute(f"drop table meta.{name}")


def drop_older_shapes(path: Path) -> None:
    """Drop what an earlier release kept in another shape and dbt would add to: counts by object, without their runs."""
    with connect(path) as connection:
        if exists(connection, RECONCILIATION):
            names = {row[0] for row in connection.execute(f"describe {RECONCILIATION}").fetchall()}
            if "run_id" not in names:
                connection.execute(f"drop table {RECONCILIATION}")


def write_run_clock(path: Path, as_of: datetime, run_id: str, started_at: datetime) -> None:
    """The one row every model takes "now" from."""
    _replace(path, {"run_clock": [(as_of, run_id, started_at)]})


def built_project(path: Path) -> str | None:
    """Fingerprint of the dbt project that made what the warehouse holds; None where nothing was built whole."""
    with connect(path, read_only=True) as connection:
        return _value(connection, "select fingerprint from meta.built_project")


def write_built_project(path: Path, fingerprint: str) -> None:
    """A whole build under this project is done."""
    _replace(path, {"built_project": [(fingerprint,)]})


def write_configuration(path: Path, settings: Settings, rates: Path, targets: Path) -> dict[str, int]:
    """funnel.yml, rates.csv, targets.csv and ledger.csv as tables that models join; returns rows by table.

    Errors: ConfigError with the line.
    """
    config = settings.config
    tables: dict[str, list[tuple[Any, ...]]] = {
        "configured_rates": read_rates(rates),
        "configured_targets": list(read_targets(targets)),
        "configured_ledger": list(read_ledger(Home(settings.home).ledger)),
        "configured_stages": [
            (source, pipeline, stage, category)
            for source, pipelines in config.stages.items()
            for pipeline, stages in pipelines.items()
            for stage, category in stages.items()
        ],
        "configured_thresholds": list(thresholds(config.stall, config.stall_days)),
        "configured_teams": list(configured_teams(config.teams)),
        "configured_sources": [
            (connection.name, connection.vendor, config.home_currency.get(connection.name), None)
            for connection in settings.connections
        ],
    }
    _replace(path, tables)
    return {name: len(rows) for name, rows in tables.items()}


def write_reach(path: Path, reached: Mapping[str, datetime | None], as_of: datetime) -> None:
    """How far each source's data reaches. `is_whole`: up to as_of; then no time is kept, so that the rows stay the same
    from run to run, which tells orchestration.unchanged that nothing is new.
    """
    whole = {source: at is not None and at >= as_of for source, at in reached.items()}
    _replace(path, {"source_reach": [(s, whole[s], None if whole[s] else at) for s, at in sorted(reached.items())]})


def read_rates(path: Path) -> list[tuple[str, str, date | None, Decimal]]:
    """rates.csv (currency, kind, date, rate: units of reporting currency for one unit); no file, no rates."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        wanted = ["currency", "kind", "date", "rate"]
        if [name.strip() for name in reader.fieldnames or []] != wanted:
            raise ConfigError(f"{path.name} line 1: the columns must be {','.join(wanted)}")
        return [_rate(path, reader.line_num, row) for row in reader]


def _rate(path: Path, line: int, row: dict[str, str]) -> tuple[str, str, date | None, Decimal]:
    currency, kind, day, rate = ((row.get(name) or "").strip() for name in ("currency", "kind", "date", "rate"))
    try:
        if None in row:
            raise ValueError("more than four values (a decimal comma?)")
        if len(currency) != 3 or not currency.isupper():
            raise ValueError(f"'{currency}' is not a three-letter currency code")
        if kind not in RATE_KINDS:
            raise ValueError(f"kind '{kind}' is none of {', '.join(RATE_KINDS)}")
        value = Decimal(rate)
        if not (value.is_finite() and value > 0):
            raise ValueError(f"rate '{rate}' is not a positive number")
        return currency, kind, date.fromisoformat(day) if day else None, value
    except InvalidOperation:
        raise ConfigError(f"{path.name} line {line}: rate '{rate}' is not a number") from None
    except ValueError as error:
        raise ConfigError(f"{path.name} line {line}: {error}") from None


def first_event(path: Path) -> datetime | None:
    """Instant of the earliest event any source tells of, or None before the first build."""
    if not path.exists():
        return None
    with connect(path, read_only=True) as connection:
        if not exists(connection, "intermediate.int_deal_events"):
            return None
        return _value(connection, "select min(effective_at) from intermediate.int_deal_events")


def exists(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Whether `schema.table` is there, as a table or a view."""
    schema, name = table.split(".")
    found = connection.execute(
        "select count(*) from information_schema.tables where table_schema = ? and table_name = ?", [schema, name]
    ).fetchone()
    return bool(found and found[0])


def content_hash(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    """A hash of a table's rows, whatever their order: equal tables, equal hashes, in one DuckDB version."""
    row = connection.execute(
        f"select count(*), coalesce(bit_xor(hash(t)), 0), coalesce(sum(hash(t)::hugeint), 0) from {table} t"
    ).fetchone()
    return "-".join(f"{value:x}" for value in row or ())


def rows_of(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """Rows of a query as dicts; for small results only."""
    cursor = connection.execute(sql, list(parameters))
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _replace(path: Path, tables: dict[str, list[tuple[Any, ...]]]) -> None:
    with connect(path) as connection:
        connection.execute("begin")
        for name, rows in tables.items():
            connection.execute(f"delete from meta.{name}")
            if rows:
                marks = ", ".join("?" * len(rows[0]))
                connection.executemany(f"insert into meta.{name} values ({marks})", rows)
        connection.execute("commit")


def _value(connection: duckdb.DuckDBPyConnection, sql: str) -> Any:
    row = connection.execute(sql).fetchone()
    return row[0] if row else None

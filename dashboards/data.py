"""What the page shows, asked of a publication: one file of sql/ a table. Computes no metric that a mart has."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from dashboards.publication import Columns, Problem, Publication, columns, opened

SQL = Path(__file__).parent / "sql"
SETUP = "_asked.sql"
ROWS = 24_000
"""Rows of one table, above which fewer owners are shown by name: the page stays small with ten thousand of them."""
OWNERS = (300, 100, 30, 8)
"""How many owners are shown by name; the others are summed as one."""
BY_OWNER = ("open", "sales", "moves", "waterfall")
DIMENSIONS = ("pipelines", "owners", "teams", "stages")


def collect(found: Publication) -> dict[str, Any]:
    """{tables, owners_shown}: every table of sql/ by name, empty where this publication has no such table.

    Problems met are noted in `found`.
    """
    names = sorted(path.stem for path in SQL.glob("[!_]*.sql"))
    with opened(found) as connection:
        if connection is None or not found.manifest:
            return {"tables": {name: {} for name in names}, "owners_shown": 0}
        shown = _owners(connection, found)
        tables = {name: _asked(connection, name, found) for name in names}
    return {"tables": tables, "owners_shown": shown}


def rows_in(table: Columns) -> int:
    """How many rows a table by columns has."""
    for column in table.values():
        return len(column["at"]) if isinstance(column, dict) else len(column)
    return 0


def _owners(connection: duckdb.DuckDBPyConnection, found: Publication) -> int:
    """Set up what the queries share; the number of owners by name is lowered until every table is small enough."""
    shown = 0
    for shown in OWNERS:
        _set_up(connection, found, shown)
        sizes = [_size(connection, name) for name in BY_OWNER]
        if max(sizes) <= ROWS:
            break
    return shown


def _size(connection: duckdb.DuckDBPyConnection, name: str) -> int:
    try:
        row = connection.execute(f"select count(*) from ({_sql(name)})").fetchone()
    except duckdb.Error:
        return 0
    return row[0] if row else 0


def _set_up(connection: duckdb.DuckDBPyConnection, found: Publication, owners: int) -> None:
    reporting = found.manifest.get("reporting", {})
    connection.execute(
        """create or replace temp table given as
           select ?::timestamptz as as_of, ?::varchar as timezone, ?::int as owners""",
        [datetime.fromisoformat(found.manifest["as_of"]), reporting.get("timezone", "UTC"), owners],
    )
    connection.execute(_sql(SETUP.removesuffix(".sql")))
    try:
        connection.execute(_sql("_owners"))
    except duckdb.Error:  # a publication without the tables that rank owners: all are shown
        connection.execute(
            "create or replace temp table owner_names as select '' as owner_key, '' as shown where false"
        )


def _asked(connection: duckdb.DuckDBPyConnection, name: str, found: Publication) -> Columns:
    try:
        return columns(connection, _sql(name))
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        table = str(error).split("Table with name ")[-1].split(" ")[0] if "Table with name" in str(error) else name
        found.problems.append(Problem("older", table))
    except duckdb.Error:
        found.problems.append(Problem("half_copied", name))
    return {}


def _sql(name: str) -> str:
    return (SQL / f"{name}.sql").read_text(encoding="utf-8").rstrip().rstrip(";")

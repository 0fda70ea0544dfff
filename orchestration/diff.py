"""`funnel diff A B`: what differs between two publications, or between one and the tables as built now.

Everything happens in DuckDB over files attached read-only: only totals and a limited list of rows come out of it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from ingestion.settings import Settings
from orchestration import warehouse
from orchestration.errors import WrongUse, explain
from orchestration.home import Home, read_json
from orchestration.lock import RunLock
from orchestration.publish import DATA, META, OF_RUNS, PRIVATE, quoted
from orchestration.rollback import current_id, existing, previous_id

MEMORY = "1GB"


@dataclass(frozen=True)
class Side:
    """One of the two: its name as shown, its file, and content hashes of its tables where they are known."""

    name: str
    path: Path
    contents: Mapping[str, str] = field(default_factory=dict)
    as_of: str | None = None


@dataclass(frozen=True)
class Shape:
    """How a table is compared: its key, and the columns that both sides have beside it."""

    table: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    repeated: bool
    """The key may repeat: equal keys are told apart by their number in order of all columns."""


def diff(settings: Settings, a: str, b: str, tables: Sequence[str] = (), limit: int = 20) -> dict[str, Any]:
    """Compare two of: an id, `current`, `previous`, `warehouse`. `tables`: names, with or without schema; none: all.

    Errors: WrongUse for a name that is no publication or no table; RunLocked where the warehouse is in use.
    """
    home = Home(settings.home)
    if "warehouse" not in (a, b):
        return compare(resolve(home, a), resolve(home, b), tables, limit)
    with RunLock(home.lock):
        return compare(resolve(home, a), resolve(home, b), tables, limit)


def resolve(home: Home, name: str) -> Side:
    """The side of that name. Errors: WrongUse that lists what exists."""
    if name == "warehouse":
        if not home.warehouse.exists():
            raise WrongUse("There is no warehouse yet.", "Run `funnel run` first.")
        return Side("warehouse", home.warehouse, as_of=_built_as_of(home.warehouse))
    found = {"current": current_id, "previous": previous_id}.get(name, lambda _: name)(home)
    folder = home.published / "releases" / (found or ".")
    manifest = read_json(folder / "manifest.json") if found and Path(found).name == found else None
    if manifest is None:
        raise WrongUse(f"There is no publication {name}.", f"{existing(home)} `warehouse` is the tables as built now.")
    return Side(manifest["id"], folder / "funnel.duckdb", manifest.get("contents", {}), manifest["as_of"])


def compare(a: Side, b: Side, tables: Sequence[str] = (), limit: int = 20) -> dict[str, Any]:
    """Every table of both sides; see `diff`. Rows and figures are listed up to `limit` a table, totals are whole."""
    found: list[dict[str, Any]] = []
    if a.path != b.path:
        with attached(a, b) as connection:
            ours, theirs = (tables_in(connection, side) for side in ("a", "b"))
            keys = _keys(connection, ours, theirs)
            for table in _chosen(ours | theirs, tables):
                found.append(_table(connection, a, b, table, keys.get(table), limit, table in ours, table in theirs))
    changed = [table for table in found if table["differs"]]
    return {
        "a": {"name": a.name, "as_of": a.as_of},
        "b": {"name": b.name, "as_of": b.as_of},
        "equal": not changed,
        "tables": changed,
        "unchanged": [table["table"] for table in found if not table["differs"]],
        "message": "No table differs."
        if not changed
        else f"{len(changed)} of {len(found)} tables differ: {', '.join(t['table'] for t in changed)}.",
    }


@contextmanager
def attached(a: Side, b: Side) -> Iterator[duckdb.DuckDBPyConnection]:
    """Both files read-only as `a` and `b`, in UTC, with bounded memory. Errors: FunnelError that names the holder."""
    with tempfile.TemporaryDirectory(prefix="funnel-diff-") as spill, duckdb.connect() as connection:
        connection.execute(f"set TimeZone = 'UTC'; set memory_limit = '{MEMORY}'; set temp_directory = '{spill}'")
        for name, side in (("a", a), ("b", b)):
            try:
                connection.execute(f"attach '{quoted(side.path)}' as {name} (read_only)")
            except duckdb.IOException as error:
                raise explain(error) from error
        yield connection


def _table(
    connection: duckdb.DuckDBPyConnection, a: Side, b: Side, table: str, key: tuple[str, ...] | None, limit: int,
    in_a: bool, in_b: bool,
) -> dict[str, Any]:  # fmt: skip
    if not (in_a and in_b):
        return {"table": table, "differs": True, "only_in": "a" if in_a else "b"}
    if a.contents.get(table) and a.contents.get(table) == b.contents.get(table):
        return {"table": table, "differs": False}
    ours, theirs = _columns(connection, "a", table), _columns(connection, "b", table)
    common = [name for name in ours if name in theirs]
    repeated = key is None or table.startswith("meta.")
    key = tuple(k for k in key or common if k in common)
    shape = Shape(table, key, tuple(c for c in common if c not in key), repeated)
    totals = _totals(connection, shape)
    found = {
        "table": table,
        "key": list(key),
        **totals,
        "columns_added": [name for name in theirs if name not in ours],
        "columns_removed": [name for name in ours if name not in theirs],
    }
    rows_differ = totals["added"] or totals["removed"] or totals["changed"]
    found["differs"] = bool(rows_differ or found["columns_added"] or found["columns_removed"])
    found["rows"] = _rows(connection, shape, limit) if rows_differ else []
    if table.startswith("marts.mart_"):
        found["figures_total"] = sum(totals["changed_columns"].values())
        found["figures"] = _figures(connection, shape, limit) if totals["changed"] else []
    return found


def _joined(shape: Shape) -> str:
    """Both sides side by side by key. `in_a`, `in_b` are null where the row is only on the other side."""
    names = [*shape.key, *shape.columns]
    number = f"row_number() over (partition by {_list(shape.key)} order by {_list(names)})" if shape.repeated else "1"
    sides = [f"(select {_list(names)}, {number} as n, true as present from {s}.{shape.table}) {s}" for s in "ab"]
    on = " and ".join(f'a."{name}" is not distinct from b."{name}"' for name in shape.key)
    return f"from {sides[0]} full join {sides[1]} on {on} and a.n = b.n"


def _changed(columns: Sequence[str]) -> str:
    differs = " or ".join(f'a."{c}" is distinct from b."{c}"' for c in columns) or "false"
    return f"(a.present and b.present and ({differs}))"


def _totals(connection: duckdb.DuckDBPyConnection, shape: Shape) -> dict[str, Any]:
    counts = ", ".join(
        f'count(*) filter (a.present and b.present and a."{c}" is distinct from b."{c}")' for c in shape.columns
    )
    row = connection.execute(
        f"""select count(a.present), count(b.present), count(*) filter (a.present is null),
                   count(*) filter (b.present is null), count(*) filter {_changed(shape.columns)}
                   {"," if counts else ""} {counts} {_joined(shape)}"""
    ).fetchone()
    assert row is not None
    rows_a, rows_b, added, removed, changed, *by_column = row
    columns = {name: count for name, count in zip(shape.columns, by_column, strict=True) if count}
    return {
        "rows_a": rows_a, "rows_b": rows_b, "added": added, "removed": removed, "changed": changed,
        "changed_columns": dict(sorted(columns.items(), key=lambda item: -item[1])),
    }  # fmt: skip


def _rows(connection: duckdb.DuckDBPyConnection, shape: Shape, limit: int) -> list[dict[str, Any]]:
    """The first differing rows in order of the key: {change, key, columns: {name: [old, new]}}."""
    names = [*shape.key, *shape.columns]
    keys = ", ".join(f'coalesce(a."{name}", b."{name}") as "{name}"' for name in shape.key)
    cursor = connection.execute(
        f"""select {keys}, a.present, b.present, {_list(names, "a.")}, {_list(names, "b.")} {_joined(shape)}
            where a.present is null or b.present is null or {_changed(shape.columns)}
            order by {", ".join(str(n) for n in range(1, len(shape.key) + 1))} limit {limit:d}"""
    )
    found = []
    for row in cursor.fetchall():
        width = len(shape.key)
        key, (in_a, in_b), values = row[:width], row[width : width + 2], row[width + 2 :]
        old, new = values[: len(names)], values[len(names) :]
        changed = {c: [o, n] for c, o, n in zip(names, old, new, strict=True) if o != n and c not in shape.key}
        change = "changed" if in_a and in_b else "removed" if in_a else "added"
        given = {c: pair for c, pair in changed.items() if change == "changed"}
        found.append({"change": change, "key": dict(zip(shape.key, key, strict=True)), "columns": given})
    return found


def _figures(connection: duckdb.DuckDBPyConnection, shape: Shape, limit: int) -> list[dict[str, Any]]:
    """Changed figures of a mart: one {month, pipeline_key, …, column, old, new} each, in order of the key."""
    found: list[dict[str, Any]] = []
    keys, pairs = _list(shape.key, "a."), [f'a."{c}", b."{c}"' for c in shape.columns]
    cursor = connection.execute(
        f"""select {keys}, {", ".join(pairs)} {_joined(shape)} where {_changed(shape.columns)}
            order by {", ".join(str(n) for n in range(1, len(shape.key) + 1))} limit {limit:d}"""
    )
    for row in cursor.fetchall():
        key, values = dict(zip(shape.key, row, strict=False)), row[len(shape.key) :]
        for position, column in enumerate(shape.columns):
            old, new = values[2 * position : 2 * position + 2]
            if old != new:
                found.append({**key, "column": column, "old": old, "new": new})
    return found[:limit]


def _keys(connection: duckdb.DuckDBPyConnection, ours: set[str], theirs: set[str]) -> dict[str, tuple[str, ...]]:
    """{schema.table: key columns} from meta.table_guide, the newer side's first; an old publication's has none."""
    keys: dict[str, tuple[str, ...]] = {}
    for side, tables in (("a", ours), ("b", theirs)):
        if "meta.table_guide" in tables and "key_columns" in _columns(connection, side, "meta.table_guide"):
            guide = f"select schema_name, table_name, key_columns from {side}.meta.table_guide"
            for schema, table, columns in connection.execute(guide).fetchall():
                if columns:
                    keys[f"{schema}.{table}"] = tuple(name.strip() for name in columns.split(","))
    return keys


def _chosen(known: set[str], asked: Sequence[str]) -> list[str]:
    """The tables asked for, else all that tell of the data. Errors: WrongUse that lists the known."""
    compared = sorted(known)
    if unknown := [name for name in asked if not any(name in (t, t.split(".")[1]) for t in compared)]:
        raise WrongUse(f"There is no table {', '.join(unknown)} to compare.", f"Tables: {', '.join(compared)}.")
    if not asked:
        return [table for table in compared if table not in OF_RUNS]
    return [table for table in compared if table in asked or table.split(".")[1] in asked]


def tables_in(connection: duckdb.DuckDBPyConnection, database: str) -> set[str]:
    """schema.table of what is published of an attached database."""
    rows = connection.execute(  # a view of the user's own is a table once it is published
        """select schema_name, table_name from duckdb_tables() where database_name = $1
           union all select schema_name, view_name from duckdb_views() where database_name = $1""",
        [database],
    ).fetchall()
    return {f"{schema}.{name}" for schema, name in rows if schema in DATA or (schema == "meta" and name in META)}


def _columns(connection: duckdb.DuckDBPyConnection, side: str, table: str) -> list[str]:
    """Column names in order, without those that stay in the warehouse."""
    schema, name = table.split(".")
    rows = connection.execute(
        """select column_name from duckdb_columns() where database_name = ? and schema_name = ? and table_name = ?
           order by column_index""",
        [side, schema, name],
    ).fetchall()
    return [row[0] for row in rows if row[0] not in PRIVATE.get(name, ())]


def _list(names: Sequence[str], prefix: str = "") -> str:
    return ", ".join(f'{prefix}"{name}"' for name in names)


def _built_as_of(path: Path) -> str | None:
    with warehouse.connect(path, read_only=True) as connection:
        row = None
        if warehouse.exists(connection, "meta.run_clock"):
            row = connection.execute("select as_of from meta.run_clock").fetchone()
    return row[0].isoformat() if row else None

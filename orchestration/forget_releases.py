"""A forgotten person in kept publications and in what the warehouse keeps of runs: rows removed, references nulled.

A publication is written anew beside itself and the two folders change places in one step, under the same id.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from ingestion.forgotten import Forgotten
from ingestion.landing import sync_folder
from ingestion.registry import vendors
from orchestration import finance, page, warehouse
from orchestration.forget_traces import scrubbed
from orchestration.home import Home
from orchestration.own_package import SCHEMA
from orchestration.publish import COPY, DATA, file_entry, files_of, quoted, releases

PERSONS = ("dim_leads", "fct_lead_transitions")
"""Tables of which a row is about one person; elsewhere a lead_key becomes null."""
TEXTS = ("meta", SCHEMA)
"""Schemas of whose columns nothing is known: every text in them is searched."""


@dataclass(frozen=True)
class Names:
    """Everything a person is called: `keys` <source>:<id>, `hashes` of e-mails."""

    keys: set[str]
    hashes: set[str]

    @property
    def needles(self) -> list[str]:
        return sorted(self.keys | self.hashes)


@dataclass(frozen=True)
class Table:
    """One table to look into: its columns by name, with their types."""

    schema: str
    name: str
    columns: Mapping[str, str]

    @property
    def full(self) -> str:
        return f"{self.schema}.{self.name}"


def in_releases(home: Home, forgotten: Forgotten, names: Names, *, dry_run: bool = False) -> dict[str, dict[str, int]]:
    """Clear every kept publication; returns {id: {table: rows concerned}} of those that held the person."""
    found = {}
    for manifest in list(releases(home)):
        folder = home.published / "releases" / manifest["id"]
        with duckdb.connect(str(folder / "funnel.duckdb"), read_only=True) as connection:
            named = _all_names(connection, forgotten, names)
            rows = {table.full: count for table in tables(connection) if (count := _count(connection, table, named))}
        if rows:
            found[manifest["id"]] = rows
            if not dry_run:
                _write_anew(folder, manifest, named, rows)
    return found


def edit_books(names: Names, rewritten: Mapping[str, Any]) -> Callable[[duckdb.DuckDBPyConnection], None]:
    """What to do to the warehouse's books: samples of failed checks lose the person; publications that were written
    anew are taken out, to be recorded with their new hashes.
    """

    def edit(connection: duckdb.DuckDBPyConnection) -> None:
        for table in tables(connection):
            if table.schema == "meta" and table.name in warehouse.TABLES and _count(connection, table, names):
                connection.execute(f"create or replace table {table.full} as {select(table, names, table.full)}")
        for name in rewritten:
            connection.execute("delete from meta.publications where id = ?", [name])

    return edit


def tables(connection: duckdb.DuckDBPyConnection, database: str | None = None) -> Iterator[Table]:
    """Tables of schemas marts, own and meta of the database in use (or of an attached one)."""
    rows = connection.execute(
        f"""select schema_name, table_name, list(column_name order by column_index),
                  list(data_type order by column_index)
           from duckdb_columns() where database_name = coalesce(?, current_database())
             and schema_name in {(*DATA, "meta")} group by all order by all""",
        [database],
    ).fetchall()
    for schema, name, columns, types in rows:
        yield Table(schema, name, dict(zip(columns, types, strict=True)))


def condition(table: Table, names: Names) -> str:
    """SQL that is true for rows that hold the person."""
    tests = [f'"{c}" in ({_texts(names.keys)})' for c in table.columns if c == "lead_key"]
    tests += [f'"{c}" in ({_texts(names.hashes)})' for c in table.columns if c == "person_hash"]
    if table.schema in TEXTS:
        tests += [_is_record(table, names)] if _record_kind(table) else []
        tests += [f'contains("{c}", {_texts([n])})' for c in _texts_of(table) for n in names.needles]
    return " or ".join(tests) or "false"


def select(table: Table, names: Names, source: str) -> str:
    """The table without the person: rows about them left out, references null, mentions in texts replaced."""
    if table.name in PERSONS or _record_kind(table):
        kept = f"not coalesce({_is_record(table, names) if _record_kind(table) else condition(table, names)}, false)"
    else:
        kept = "true"
    edits = {}
    if "lead_key" in table.columns and table.name not in PERSONS:
        edits["lead_key"] = f"case when lead_key in ({_texts(names.keys)}) then null else lead_key end"
    if table.schema in TEXTS:
        for column in (name for name in _texts_of(table) if name not in edits):
            text = f'"{column}"'
            for needle in names.needles:
                text = f"replace({text}, {_texts([needle])}, '***')"
            edits[column] = text
    replaced = ", ".join(f'{text} as "{column}"' for column, text in edits.items())
    return f"select * {f'replace ({replaced})' if replaced else ''} from {source} where {kept}"


def exchange(new: Path, old: Path) -> None:
    """Two folders change places in one step; where the file system cannot, in two, `old` being away for an instant."""
    call, arguments = None, (-100, os.fsencode(new), -100, os.fsencode(old), 2)
    library = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "darwin":
        call, arguments = getattr(library, "renamex_np", None), (os.fsencode(new), os.fsencode(old), 2)  # type: ignore[assignment]
    elif hasattr(library, "renameat2"):
        call = library.renameat2
    if call is None or call(*arguments) != 0:
        aside = new.with_name(f"{new.name}.old")
        old.rename(aside)
        new.rename(old)
        aside.rename(new)
    sync_folder(old.parent)


def _all_names(connection: duckdb.DuckDBPyConnection, forgotten: Forgotten, names: Names) -> Names:
    """The names given, and those that the list recognizes in this database (after a restored backup, say)."""
    keys, hashes = set(names.keys), set(names.hashes)
    for table in tables(connection):
        for column, has, into in (("lead_key", forgotten.has_key, keys), ("person_hash", forgotten.has_hash, hashes)):
            if column in table.columns:
                rows = connection.execute(f'select distinct "{column}" from {table.full}').fetchall()
                into |= {row[0] for row in rows if has(row[0])}
        if {"lead_key", "person_hash"} <= table.columns.keys() and hashes:
            rows = connection.execute(
                f"select lead_key from {table.full} where person_hash in ({_texts(hashes)})"
            ).fetchall()
            keys |= {row[0] for row in rows}
    return Names(keys, hashes)


def _count(connection: duckdb.DuckDBPyConnection, table: Table, names: Names) -> int:
    row = connection.execute(f"select count(*) from {table.full} where {condition(table, names)}").fetchone()
    return row[0] if row else 0


def _write_anew(folder: Path, manifest: dict[str, Any], names: Names, rows: Mapping[str, int]) -> None:
    """The release without the person, complete on disk, then in the old one's place."""
    new = folder.with_name(f".{folder.name}")
    shutil.rmtree(new, ignore_errors=True)
    try:
        shutil.copytree(folder, new, ignore=shutil.ignore_patterns("funnel.duckdb", "manifest.json", page.NAME))
        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(f"attach '{quoted(folder / 'funnel.duckdb')}' as old (read_only)")
            connection.execute(f"attach '{quoted(new / 'funnel.duckdb')}' as p (storage_version 'v1.0.0')")
            connection.execute("use p")
            for table in tables(connection, "old"):
                connection.execute(f"create schema if not exists p.{table.schema}")
                source = f"old.{table.full}"
                kept = select(table, names, source) if table.full in rows else f"select * from {source}"
                connection.execute(f"create table p.{table.full} as {kept}")
                if table.full in rows:
                    _rewrite_parquet(connection, new, table, manifest)
            connection.execute("checkpoint p; use memory; detach p; detach old")
        if "reporting" in manifest:  # a release with a workbook: it is made again of the new tables
            finance.written(new, manifest)
        page.add(new, manifest)
        _write_manifest(new, manifest, names, rows)
        exchange(new, folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _rewrite_parquet(connection: duckdb.DuckDBPyConnection, new: Path, table: Table, manifest: dict[str, Any]) -> None:
    about = manifest["tables"][table.full]
    connection.execute(f"copy p.{table.full} to '{quoted(new / about['parquet'])}' {COPY}")
    count = connection.execute(f"select count(*) from p.{table.full}").fetchone()
    about["rows"] = count[0] if count else 0
    if table.full in manifest.get("contents", {}):
        manifest["contents"][table.full] = warehouse.content_hash(connection, f"p.{table.full}")


def _write_manifest(new: Path, manifest: dict[str, Any], names: Names, rows: Mapping[str, int]) -> None:
    """Hashes of the new files, and that rows were removed; never whose."""
    act = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "rows": dict(rows)}
    manifest["forgotten"] = [*manifest.get("forgotten", []), act]
    manifest["files"] = {name: file_entry(new / name) for name in files_of(new)}
    with (new / "manifest.json").open("w", encoding="utf-8") as file:
        file.write(scrubbed(json.dumps(manifest, indent=1, ensure_ascii=False), names.keys, names.hashes))
        file.flush()
        os.fsync(file.fileno())
    for path in [path for path in new.iterdir() if path.is_dir()] + [new]:
        sync_folder(path)


def _record_kind(table: Table) -> str | None:
    """The column that says of what kind the record of a row is, in tables about single records."""
    if {"source", "record_id"} <= table.columns.keys():
        return next((c for c in ("stream", "object") if c in table.columns), None)
    return None


def _is_record(table: Table, names: Names) -> str:
    people = {vendor.people[0] for vendor in vendors().values() if vendor.people}
    return f"({_record_kind(table)} in ({_texts(people)}) and source || ':' || record_id in ({_texts(names.keys)}))"


def _texts_of(table: Table) -> list[str]:
    return [name for name, kind in table.columns.items() if kind == "VARCHAR"]


def _texts(values: Any) -> str:
    """SQL literals; a null, which equals nothing, where there are none."""
    return ", ".join("'" + str(v).replace("'", "''") + "'" for v in sorted(values)) or "null"

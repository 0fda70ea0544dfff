"""Landing windows → raw tables, exactly once: a window's rows and its row in raw._windows go in in one transaction.

There is no other cursor: what was extracted is read back from raw (`read_state`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from ingestion.errors import LandingError
from ingestion.landing import Landing, Window, check_parts
from ingestion.registry import vendors

WAIT_FOR_LOCK = 60.0
"""Seconds to wait for a process that is dying (a dbt child of a killed run) to let the file go."""

RAW_COLUMNS = """source varchar not null, record_id varchar not null, record json not null,
    extracted_at timestamptz not null, window_id varchar not null, window_seq bigint not null,
    part integer not null, line bigint not null"""
WINDOWS = """create table if not exists raw._windows (
    window_id varchar not null, window_seq bigint not null, source varchar not null, vendor varchar not null,
    stream varchar not null, kind varchar not null, from_at timestamptz, to_at timestamptz,
    extracted_at timestamptz not null, loaded_at timestamptz not null, row_count bigint not null, requests integer,
    retries integer, seconds double, details json)"""
REJECTS = """create table if not exists meta.load_rejects (
    source varchar, stream varchar, record_id varchar, reason varchar, record varchar, window_id varchar,
    part integer, line bigint, extracted_at timestamptz)"""


@dataclass(frozen=True)
class LoadReport:
    """One window that went into raw. `rejected` rows are in meta.load_rejects."""

    window_id: str
    source: str
    vendor: str
    stream: str
    rows: int
    rejected: int
    seconds: float


@contextmanager
def open_warehouse(path: Path, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse in UTC, file mode 0600; waits up to WAIT_FOR_LOCK seconds while another process holds it.

    Errors: duckdb.IOException after that, whose message names the process.
    """
    deadline = time.monotonic() + WAIT_FOR_LOCK
    while True:
        try:
            connection = duckdb.connect(str(path), read_only=read_only)
            break
        except duckdb.IOException as error:
            if "lock" not in str(error).lower() or time.monotonic() > deadline:
                raise
            time.sleep(0.2)
    try:
        if not read_only:
            path.chmod(0o600)
        connection.execute("set TimeZone = 'UTC'")
        yield connection
    finally:
        connection.close()


def table(vendor: str, stream: str) -> str:
    """Name of a stream's raw table, with its schema."""
    return f'raw."{vendor}__{stream}"'


def prepare(warehouse: Path) -> None:
    """Make the schemas and every registered stream's (empty) raw table, so that models always find them."""
    with open_warehouse(warehouse) as connection:
        _prepare(connection)


def _prepare(connection: duckdb.DuckDBPyConnection) -> None:
    for schema in ("raw", "meta"):
        connection.execute(f"create schema if not exists {schema}")
    connection.execute(WINDOWS)
    connection.execute(REJECTS)
    for vendor in vendors().values():
        for stream in vendor.streams:
            connection.execute(f"create table if not exists {table(vendor.name, stream.name)} ({RAW_COLUMNS})")


def load_new(warehouse: Path, landing_root: Path, known_at: datetime | None = None) -> list[LoadReport]:
    """Load every complete window that raw does not hold, oldest first; up to `known_at` only, where it is given.

    Errors: LandingError where a part is missing or damaged; windows before it are loaded and stay.
    """
    reports = []
    with open_warehouse(warehouse) as connection:
        _prepare(connection)
        connection.execute("set preserve_insertion_order = true; set memory_limit = '256MB'")
        loaded = {row[0] for row in connection.execute("select window_id from raw._windows").fetchall()}
        landing = Landing(landing_root)
        if landing.window_ids() <= loaded:
            return []
        for window in landing.windows():
            if known_at is not None and window.extracted_at > known_at:
                continue
            if window.window_id not in loaded and window.vendor in vendors():
                reports.append(_load(connection, window))
    return reports


def _load(connection: duckdb.DuckDBPyConnection, window: Window) -> LoadReport:
    started = time.monotonic()
    check_parts(window)
    target = table(window.vendor, window.stream)
    connection.execute("begin")
    try:
        sequence = _value(connection, "select coalesce(max(window_seq), 0) + 1 from raw._windows")
        taken = rejected = 0
        for number, part in enumerate(window.parts):
            rows, bad = _load_part(connection, target, window, sequence, number, window.folder / part.name)
            if rows + bad != part.rows:
                raise LandingError(
                    f"{window.folder / part.name} holds {rows + bad} records, but {part.rows} were landed"
                )
            taken, rejected = taken + rows, rejected + bad
        connection.execute(
            "insert into raw._windows values (?, ?, ?, ?, ?, ?, ?, ?, ?, get_current_timestamp(), ?, ?, ?, ?, ?)",
            [
                window.window_id, sequence, window.source, window.vendor, window.stream, window.kind, window.from_at,
                window.to_at, window.extracted_at, taken, window.requests, window.retries, window.seconds,
                json.dumps(dict(window.details)),
            ],
        )  # fmt: skip
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise
    return LoadReport(
        window.window_id, window.source, window.vendor, window.stream, taken, rejected, time.monotonic() - started
    )


def _load_part(
    connection: duckdb.DuckDBPyConnection, target: str, window: Window, sequence: int, number: int, path: Path
) -> tuple[int, int]:
    """Rows taken and rejected of one part. A record without an id goes to meta.load_rejects, whole."""
    connection.execute(
        """create or replace temp table _part as
           select json_extract_string(json, ?) as record_id, json, row_number() over () as line
           from read_ndjson_objects(?, maximum_object_size = 16777216)""",
        [f"$.{vendors()[window.vendor].stream(window.stream).key}", str(path)],
    )
    given = [window.source, window.extracted_at, window.window_id, sequence, number]
    rows = _value(
        connection,
        f"""insert into {target} select $1, record_id, json, $2, $3, $4, $5, line from _part
            where record_id is not null and record_id <> '' order by line""",
        given,
    )
    bad = _value(
        connection,
        """insert into meta.load_rejects
           select $1, $6, null, 'the record has no id', json, $3, $5, line, $2 from _part
           where (record_id is null or record_id = '') and $4 is not null""",
        [*given, window.stream],
    )
    connection.execute("drop table _part")
    return rows, bad


def read_state(warehouse: Path, source: str, vendor: str, as_of: datetime | None = None) -> Any:
    """What the vendor's module wants to know of earlier extractions of `source`, out of raw. `as_of`: the run's."""
    with open_warehouse(warehouse) as connection:
        _prepare(connection)
        return vendors()[vendor].read_state(RawReader(connection, source, vendor, as_of))


class RawReader:
    """stream.StateReader over the raw tables of one connection."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, source: str, vendor: str, as_of: datetime | None = None
    ) -> None:
        self._connection, self._source, self._vendor = connection, source, vendor
        self.as_of = as_of

    def last_window(self, stream: str) -> Mapping[str, Any] | None:
        row = self._connection.execute(
            """select kind, to_at, extracted_at, details from raw._windows
               where source = ? and vendor = ? and stream = ? order by window_seq desc limit 1""",
            [self._source, self._vendor, stream],
        ).fetchone()
        if row is None:
            return None
        return {"kind": row[0], "to_at": row[1], "extracted_at": row[2], **json.loads(row[3] or "{}")}

    def newest(self, stream: str, paths: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        cursor = self._connection.cursor()
        cursor.execute(
            f"""select record_id, max(window_seq), arg_max(json_extract_string(record, ?), (window_seq, part, line))
                from {table(self._vendor, stream)} where source = ? group by record_id order by record_id""",
            [list(paths), self._source],
        )
        while rows := cursor.fetchmany(10_000):
            for record_id, sequence, texts in rows:
                yield (record_id, sequence, *texts)


def _value(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[Any] = ()) -> int:
    row = connection.execute(sql, list(parameters)).fetchone()
    return int(row[0]) if row else 0

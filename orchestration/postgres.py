"""A publication in Postgres, for BI tools that reach no file: stable schemas, switched in one transaction.

Tables are loaded into new schemas beside the ones that are read; then both are renamed at once, so that a reader sees
one publication whole, before or after. What was granted on the former tables is granted on the new ones.
"""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from ingestion.settings import Secret, Settings
from orchestration.errors import TargetFailed
from orchestration.home import Home, read_json

if TYPE_CHECKING:
    import psycopg

PREFIX = "funnel_"
"""funnel_marts, funnel_meta, funnel_own: as the schemas of the publication."""
READER = "funnel_reader"
"""Role that may read all of it; people are made members (grant funnel_reader to bi)."""
LOCK_KEY = 0x66756E6E
WAIT_SECONDS = 20
"""How long a switch waits for readers that hold a table; the next run tries again."""
PLAIN = {
    "VARCHAR": "text", "BIGINT": "bigint", "INTEGER": "integer", "SMALLINT": "smallint", "TINYINT": "smallint",
    "BOOLEAN": "boolean", "DOUBLE": "double precision", "FLOAT": "real", "DATE": "date", "UBIGINT": "numeric(20)",
    "HUGEINT": "numeric(39)", "UINTEGER": "bigint", "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
}  # fmt: skip
logger = logging.getLogger("funnel")


def send_current(settings: Settings) -> str:
    """Bring what `current` names to FUNNEL_POSTGRES_URL: sent, unchanged (it is there already) or off.

    Errors: TargetFailed with what the server said; what stood there stands.
    """
    folder = Home(settings.home).published / "current"
    if settings.postgres_url is None or not (folder / "manifest.json").exists():
        return "off"
    return send(folder.resolve(), settings.postgres_url)


def send(publication: Path, address: Secret) -> str:
    """One publication's folder → `sent` or `unchanged`. Errors: TargetFailed."""
    try:
        import psycopg
    except ImportError:
        raise TargetFailed(
            "FUNNEL_POSTGRES_URL is set, but psycopg is not installed.", "Run `pip install 'psycopg[binary]'`."
        ) from None
    manifest = read_json(publication / "manifest.json") or {}
    try:
        with psycopg.connect(address.reveal(), connect_timeout=10, application_name="funnel") as server:
            return _send(server, publication, manifest)
    except psycopg.Error as error:
        said = re.sub(r"\s+", " ", str(error)).strip() or type(error).__name__
        raise TargetFailed(
            f"Postgres does not have publication {manifest.get('id')}: {said}.",
            "What it had before stands; the next run tries again.",
        ) from error


def _send(server: psycopg.Connection[Any], publication: Path, manifest: dict[str, Any]) -> str:
    [(alone,)] = server.execute("select pg_try_advisory_lock(%s)", [LOCK_KEY]).fetchall()
    if not alone:
        raise TargetFailed("Another run is writing to Postgres.", "The next run tries again.")
    if _held(server) == manifest["id"]:
        return "unchanged"
    with duckdb.connect(str(publication / "funnel.duckdb"), read_only=True) as source:
        source.execute("set TimeZone = 'UTC'")
        tables = source.execute(
            """select schema_name, table_name from duckdb_tables()
               where database_name = current_database() order by all"""
        ).fetchall()
        schemas = sorted({schema for schema, _ in tables})
        for schema in schemas:
            server.execute(f"drop schema if exists {_new(schema)} cascade")
            server.execute(f"create schema {_new(schema)}")
        for schema, table in tables:
            _copy(server, source, schema, table)
    server.execute(f"create table {_new('meta')}.publication (id text, as_of timestamp with time zone)")
    server.execute(f"insert into {_new('meta')}.publication values (%s, %s)", [manifest["id"], manifest["as_of"]])
    server.commit()
    _switch(server, schemas)
    return "sent"


def _held(server: psycopg.Connection[Any]) -> str | None:
    """Id of the publication that is there."""
    if server.execute("select to_regclass(%s)", [f"{PREFIX}meta.publication"]).fetchall()[0][0] is None:
        return None
    rows = server.execute(f"select id from {PREFIX}meta.publication").fetchall()
    return str(rows[0][0]) if rows else None


def _copy(server: psycopg.Connection[Any], source: duckdb.DuckDBPyConnection, schema: str, table: str) -> None:
    columns = source.execute(
        """select column_name, data_type, comment from duckdb_columns()
           where schema_name = $1 and table_name = $2 and database_name = current_database() order by column_index""",
        [schema, table],
    ).fetchall()
    name = f'{_new(schema)}."{table}"'
    shape = ", ".join(f'"{column}" {postgres_type(kind)}' for column, kind, _ in columns)
    server.execute(f"create table {name} ({shape})")
    for column, _, comment in columns:
        if comment:
            text = comment.replace("'", "''")
            server.execute(f"comment on column {name}.\"{column}\" is '{text}'")
    told = ", ".join(_told(column, kind) for column, kind, _ in columns)
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        source.execute(f"copy (select {told} from {schema}.\"{table}\") to '{file.name}' (format csv, header false)")
        with server.cursor().copy(f"copy {name} from stdin (format csv)") as into:
            for chunk in _chunks(Path(file.name)):
                into.write(chunk)


def postgres_type(kind: str) -> str:
    """The type of a column of DuckDB's; what is nested is jsonb."""
    if kind.startswith("DECIMAL"):
        return kind.replace("DECIMAL", "numeric")
    return PLAIN.get(kind, "text" if kind.startswith("ENUM") else "jsonb")


def _told(column: str, kind: str) -> str:
    """A column as CSV can carry it: Postgres knows neither nested values of DuckDB's spelling nor the character 0."""
    if postgres_type(kind) == "jsonb":
        return f'to_json("{column}")::varchar'
    return f"""replace("{column}", chr(0), '')""" if kind == "VARCHAR" else f'"{column}"'


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            yield chunk


def _switch(server: psycopg.Connection[Any], schemas: list[str]) -> None:
    """New schemas take the names of the former ones, in one transaction; then the former ones go."""
    may_make_roles = _reader(server)
    with server.transaction():
        server.execute(f"set local lock_timeout = '{WAIT_SECONDS}s'")
        for schema in schemas:
            name = f"{PREFIX}{schema}"
            _grant(server, name, _new(schema), may_make_roles)
            if _exists(server, name):
                _drop(server, f"{name}__former")
                server.execute(f"alter schema {name} rename to {name}__former")
            server.execute(f"alter schema {_new(schema)} rename to {name}")
    with server.transaction():
        for schema in schemas:
            _drop(server, f"{PREFIX}{schema}__former")


def _reader(server: psycopg.Connection[Any]) -> bool:
    """Whether the role of readers is there; it is made where we may."""
    if server.execute("select from pg_roles where rolname = %s", [READER]).fetchall():
        return True
    import psycopg

    try:
        with server.transaction():
            server.execute(f"create role {READER} nologin")
    except psycopg.errors.InsufficientPrivilege:
        logger.info("postgres: role %s is not there and may not be made; grants are kept as they are", READER)
        return False
    return True


def _grant(server: psycopg.Connection[Any], former: str, new: str, reader: bool) -> None:
    """Give the new schema what is given on the former one."""
    if reader:
        server.execute(f"grant usage on schema {new} to {READER}")
        server.execute(f"grant select on all tables in schema {new} to {READER}")
    usage = server.execute(
        """select case grantee when 0 then 'public' else grantee::regrole::text end
           from pg_namespace, aclexplode(nspacl)
           where nspname = %s and privilege_type = 'USAGE' and grantee <> nspowner""",
        [former],
    ).fetchall()
    for (role,) in usage:
        server.execute(f"grant usage on schema {new} to {role}")
    selects = server.execute(
        """select c.relname, case acl.grantee when 0 then 'public' else acl.grantee::regrole::text end
           from pg_class as c join pg_namespace as n on c.relnamespace = n.oid, aclexplode(c.relacl) as acl
           where n.nspname = %s and acl.privilege_type = 'SELECT' and acl.grantee <> c.relowner""",
        [former],
    ).fetchall()
    tables = server.execute("select tablename from pg_tables where schemaname = %s", [new]).fetchall()
    for table, role in selects:
        if (table,) in tables:
            server.execute(f'grant select on {new}."{table}" to {role}')


def _drop(server: psycopg.Connection[Any], schema: str) -> None:
    """Drop a former schema, but not what others' views still read: that stays until they read the new tables."""
    import psycopg

    if not _exists(server, schema):
        return
    try:
        with server.transaction():
            tables = server.execute("select tablename from pg_tables where schemaname = %s", [schema]).fetchall()
            names = ", ".join(f'{schema}."{table}"' for (table,) in tables)
            server.execute(f"set local lock_timeout = '{WAIT_SECONDS}s'")
            if names:
                server.execute(f"drop table {names} restrict")
            server.execute(f"drop schema {schema} restrict")
    except (psycopg.errors.DependentObjectsStillExist, psycopg.errors.LockNotAvailable) as error:
        kept = f"{schema}_{_stamp(server)}"
        server.execute(f"alter schema {schema} rename to {kept}")
        logger.warning("postgres: %s is kept, something still reads it: %s", kept, str(error).splitlines()[0])


def _exists(server: psycopg.Connection[Any], schema: str) -> bool:
    return bool(server.execute("select from pg_namespace where nspname = %s", [schema]).fetchall())


def _stamp(server: psycopg.Connection[Any]) -> str:
    return str(server.execute("select to_char(clock_timestamp(), 'YYYYMMDD\"t\"HH24MISSUS')").fetchall()[0][0])


def _new(schema: str) -> str:
    return f"{PREFIX}{schema}__new"

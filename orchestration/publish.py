"""Publication: a new immutable folder releases/<id>/, then one atomic switch of `current`. Readers never see a mix."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from expectations.gate import guards
from ingestion.landing import sync_folder
from ingestion.settings import PROJECT_ROOT
from orchestration import finance, freshness, month_ends, page, vintages, warehouse
from orchestration.dbt_build import refused_by
from orchestration.errors import AuditRefused
from orchestration.hold import read_hold, refuse_unfinished, switching
from orchestration.home import Home, read_json
from orchestration.ledger import Check, checks_of, publication_row, record_publications
from orchestration.own_package import SCHEMA
from orchestration.session import Session

META = (
    "table_guide", "rejected_records", "source_reconciliation", "history_differences", "schema_changes",
    "unconverted_amounts", "frozen_vintages", "forecast_waivers", "forecast_adjustments",
)  # fmt: skip
DATA = ("marts", SCHEMA)
"""Schemas that are published whole: ours, and that of the user's own models."""
OF_RUNS = ("meta.source_reconciliation",)
"""Published tables with rows of every run: they tell of runs, not of the data, so that alone they publish nothing."""
PRIVATE = {"rejected_records": ("record",)}
"""Columns that stay in the warehouse."""
COPY = "(format parquet, compression zstd, row_group_size 122880)"


def publish(session: Session) -> dict[str, Any]:
    """Publish what the audit accepted; returns the manifest with `outcome`: published, release_only, unchanged or held.

    While publishing is held the release is written and `current` stays (`--publish` does not overrule `rollback`).
    Errors: AuditRefused where meta.check_results does not hold a passed audit of these very tables.
    """
    home = session.home
    refuse_unfinished(home)
    vintages.refuse_damaged(home)
    checks = audited(session)
    record_publications(session.path, releases(home))
    current = read_json(home.published / "current" / "manifest.json")
    forward = current is None or session.as_of >= datetime.fromisoformat(current["as_of"]) or session.request.publish
    contents = table_contents(session)
    if current and forward and not session.request.publish and contents == current.get("contents"):
        return {**current, "outcome": "unchanged"}
    if read_hold(home) and (newest := list(releases(home))[-1:]) and contents == newest[0].get("contents"):
        return {**newest[0], "outcome": "held"}
    manifest = write_release(session, checks, contents, forward and read_hold(home) is None)
    with switching(home):
        outcome = "held" if read_hold(home) and forward else "published" if forward else "release_only"
        if outcome == "published":
            switch(home, manifest["id"])
        prune(home, session.settings.keep)
    record_publications(session.path, [manifest])
    return {**manifest, "outcome": outcome}


def audited(session: Session) -> list[Check]:
    """The checks that let these tables pass, read from meta.check_results: the order of steps is not trusted.

    Errors: AuditRefused where one refused, or a part of the audit has left no trace.
    """
    with warehouse.connect(session.path, read_only=True) as connection:
        row = connection.execute("select run_id from meta.run_clock").fetchone()
    built_by = row[0] if row else ""
    checks = [c for c in checks_of(session.path, built_by) if c.kind == "dbt"]
    checks += [c for c in checks_of(session.path, session.run_id) if c.kind != "dbt"]
    if refused := [check for check in checks if check.refuses]:
        raise refused_by(refused)
    wanted = {("gate", guard.table) for guard in guards()} | {
        ("reconciliation", "meta.source_reconciliation"),
        ("rejects", "meta.rejected_records"),
    }
    missing = [f"{kind} of {table}" for kind, table in sorted(wanted - {(c.kind, c.table) for c in checks})]
    if not any(c.kind == "dbt" for c in checks):
        missing.append("dbt tests of the run that set the clock")
    if missing:
        raise AuditRefused(f"Not audited: {', '.join(missing)}.", "Run `funnel run`; the last publication stands.")
    return checks


def table_contents(session: Session) -> dict[str, str]:
    """{schema.table: content hash} of the tables whose change makes a new publication (counts alone do not)."""
    with warehouse.connect(session.path, read_only=True) as connection:
        tables = [t for t in _published_tables(connection) if t not in OF_RUNS]
        return {table: warehouse.content_hash(connection, table) for table in tables}


def write_release(
    session: Session, checks: list[Check], contents: Mapping[str, str], published: bool = True
) -> dict[str, Any]:
    """A complete release folder under its final name, everything on disk; returns its manifest.

    `published`: whether `current` is meant to move to it.
    """
    now, home = datetime.now(UTC), session.home
    release_id = f"{now:%Y%m%dT%H%M%S}Z-{session.run_id[:8]}"
    temporary = home.published / "releases" / f".{release_id}"
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        (temporary / "parquet").mkdir(parents=True)
        manifest = {
            "id": release_id,
            "run_id": session.run_id,
            "as_of": session.as_of.isoformat(),
            "published": published,
            "started": session.started_at.isoformat(),
            "finished": now.isoformat(),
            "code_version": code_version(),
            "reporting": reporting(session),
            **sources_of(session),
            "checks": [{"check": c.check, "table": c.table, "status": c.status, "kind": c.kind} for c in checks],
            "warnings": [str(check) for check in checks if check.status == "warn"],
            "contents": dict(contents),
            "files": {},
        }
        manifest["tables"] = _write_tables(session, temporary, manifest)
        finance.beside(session, temporary, manifest)
        if trouble := page.add(temporary, manifest):
            manifest["warnings"].append(trouble)
            session.say(trouble)
        manifest["files"] = {name: file_entry(temporary / name) for name in files_of(temporary)}
        with (temporary / "manifest.json").open("w", encoding="utf-8") as file:
            json.dump(manifest, file, indent=1, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        for folder in [path for path in temporary.iterdir() if path.is_dir()] + [temporary]:
            sync_folder(folder)
        temporary.rename(home.published / "releases" / release_id)
        sync_folder(home.published / "releases")
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return manifest


def switch(home: Home, release_id: str) -> None:
    """Point `current` at a release: one rename, so that a reader finds the old one or the new one."""
    link = home.published / ".current"
    link.unlink(missing_ok=True)
    link.symlink_to(Path("releases") / release_id, target_is_directory=True)
    link.replace(home.published / "current")
    sync_folder(home.published)


def prune(home: Home, keep: int) -> list[str]:
    """Remove leftovers of killed runs and the oldest releases beyond `keep`, never the current one; returns names.

    While publishing is held what is newer than the current one stays too: rolled back or held back, it may be wanted.
    """
    folder = home.published / "releases"
    current = (home.published / "current").resolve().name
    whole = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    held = read_hold(home) is not None
    old = [p for p in whole[: max(0, len(whole) - keep)] if p.name != current and not (held and p.name > current)]
    for path in [*old, *folder.glob(".*")]:
        shutil.rmtree(path, ignore_errors=True)
    return [path.name for path in old]


def releases(home: Home) -> Iterator[dict[str, Any]]:
    """Manifests of the complete releases, oldest first."""
    for path in sorted((home.published / "releases").glob("[!.]*/manifest.json")):
        if manifest := read_json(path):
            yield manifest


def sources_of(session: Session) -> dict[str, Any]:
    """What the data rests on: windows, when it was known, and each source's age (against as-of) and warnings."""
    failed = session.failed_sources()
    reached = freshness.reached_by(session.settings, session.as_of, freshness.came_through(session.reports))
    with warehouse.connect(session.path, read_only=True) as connection:
        rows = warehouse.rows_of(
            connection,
            """select source, vendor, stream, max_by(window_id, window_seq) as window_id, max(to_at) as to_at,
                      max(extracted_at) as extracted_at, sum(row_count)::bigint as rows
               from raw._windows group by all order by source, stream""",
        )
    sources: dict[str, dict[str, Any]] = {}
    for row in rows:
        source = sources.setdefault(row["source"], {"vendor": row["vendor"], "streams": {}})
        source["streams"][row["stream"]] = {
            "window_id": row["window_id"],
            "to_at": _iso(row["to_at"]),
            "extracted_at": _iso(row["extracted_at"]),
            "rows": row["rows"],
        }
    for name, source in sources.items():
        last = max(row["extracted_at"] for row in rows if row["source"] == name)
        source["extracted_at"] = _iso(last)
        source["last_window_end"] = max((s["to_at"] for s in source["streams"].values() if s["to_at"]), default=None)
        source |= freshness.age(session.settings, name, reached.get(name, last), session.as_of).as_json()
        source["failed"] = sorted({str(error) for error in failed.get(name, [])})
        source["warnings"] = sorted({w for r in session.reports if r.source == name for w in r.warnings})
    known_at = max((row["extracted_at"] for row in rows), default=session.started_at)
    return {"known_at": _iso(known_at), "window_ids": [row["window_id"] for row in rows], "sources": sources}


def reporting(session: Session) -> dict[str, str]:
    """What amounts and months of the tables are in."""
    config = session.settings.config
    return {"currency": config.reporting_currency, "timezone": config.reporting_timezone}


def code_version() -> str:
    """The package's version, with the commit where the project is a git checkout."""
    try:
        asked = subprocess.run(
            ["git", "-C", str(PROJECT_ROOT), "describe", "--always", "--dirty", "--abbrev=9"],
            capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
        return f"{version('funnel')}+{asked.stdout.strip()}"
    except (OSError, subprocess.SubprocessError):
        return version("funnel")


def _published_tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    data = connection.execute(
        f"""select table_schema || '.' || table_name from information_schema.tables where table_schema in {DATA}
            order by table_schema = '{SCHEMA}', 1"""
    ).fetchall()
    if not any(row[0].startswith("marts.") for row in data):
        raise AuditRefused("Schema marts is empty: there is nothing to publish.", "Run `funnel run`.")
    meta = [name for name in META if warehouse.exists(connection, f"meta.{name}")]
    return [row[0] for row in data] + [f"meta.{name}" for name in meta]


def _write_tables(session: Session, folder: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """funnel.duckdb (plain tables, no keys, format any DuckDB from 1.0 on reads) and one Parquet file a table."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"attach '{quoted(session.path)}' as w (read_only)")
        connection.execute(f"attach '{quoted(folder / 'funnel.duckdb')}' as p (storage_version 'v1.0.0')")
        connection.execute("use w")
        published = _published_tables(connection)
        for schema in sorted({"meta", *(table.split(".")[0] for table in published)}):
            connection.execute(f"create schema p.{schema}")
        for table in published:
            private = ", ".join(PRIVATE.get(table.split(".")[1], ()))
            columns = f"* exclude ({private})" if private else "*"
            connection.execute(f"create table p.{table} as select {columns} from w.{table}")
        _copy_comments(connection)
        built = "run_id = $1 or (kind = 'dbt' and run_id = (select run_id from w.meta.run_clock))"
        connection.execute(
            f"create table p.meta.check_results as from w.meta.check_results where {built}", [session.run_id]
        )
        current = session.home.published / "current"
        was = read_json(current / "manifest.json") or {}
        month_ends.write(connection, current, manifest["contents"], was)
        connection.execute("create table p.meta.publications as from w.meta.publications")
        marks = ", ".join("?" * 9)
        connection.execute(f"insert into p.meta.publications values ({marks})", publication_row(manifest))
        connection.execute("use p")
        tables = {}
        names = connection.execute(
            "select table_schema, table_name from information_schema.tables where table_catalog = 'p' order by all"
        ).fetchall()
        for schema, name in names:
            file = f"parquet/{name}.parquet"
            connection.execute(f"copy p.{schema}.{name} to '{quoted(folder / file)}' {COPY}")
            count = connection.execute(f"select count(*) from p.{schema}.{name}").fetchone()
            tables[f"{schema}.{name}"] = {"rows": count[0] if count else 0, "parquet": file}
        connection.execute("checkpoint p; use memory; detach p; detach w")
    return tables


def _copy_comments(connection: duckdb.DuckDBPyConnection) -> None:
    """Comments on columns (labels of funnel.yml's properties) of w on the tables of p; a copy of rows has none."""
    commented = connection.execute(
        """select schema_name, table_name, column_name, ours.comment from duckdb_columns() as ours
           join duckdb_columns() as theirs using (schema_name, table_name, column_name)
           where ours.database_name = 'w' and theirs.database_name = 'p' and ours.comment is not null"""
    ).fetchall()
    for schema, table, column, comment in commented:
        connection.execute(f"comment on column p.{schema}.{table}.{column} is '{quoted(comment)}'")


def files_of(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def file_entry(path: Path) -> dict[str, Any]:
    """sha256 and size of a file that is on disk for good."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    return {"sha256": digest, "bytes": path.stat().st_size}


def _iso(instant: datetime | None) -> str | None:
    return instant.astimezone(UTC).isoformat() if instant else None


def quoted(path: Path | str) -> str:
    """A path or text within single quotes of SQL."""
    return str(path).replace("'", "''")

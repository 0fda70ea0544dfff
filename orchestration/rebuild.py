"""`funnel rebuild`: the warehouse made again from landing, in a folder beside, held against the current publication.

The new file takes the old one's place in one rename, under the run lock; until then, and where anything fails, the old
one stands.
"""

from __future__ import annotations

import logging
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from ingestion.landing import Landing, sync_folder
from ingestion.loading import load_new, prepare
from ingestion.settings import Settings
from orchestration import dbt_build, runner, warehouse
from orchestration.diff import Side, compare, resolve
from orchestration.errors import AuditRefused, FunnelError, explain
from orchestration.home import Home, read_json
from orchestration.ledger import record_publications
from orchestration.lock import RunLock
from orchestration.publish import quoted, releases
from orchestration.session import Request, Say, Session, check_sources

BESIDE = "rebuild"
"""Folder in FUNNEL_HOME in which the new warehouse is made; removed at the end, and before the next."""
CONFIGURATION = ("rates.csv", "targets.csv", "ledger.csv", "sources.json")
"""Files of FUNNEL_HOME that a build reads."""
WRITTEN_ANEW = (
    "run_clock",
    "source_reach",
    "built_project",
    "load_rejects",
    "forecast_waivers",
    "forecast_adjustments",
)
Edit = Callable[[duckdb.DuckDBPyConnection], None]


def rebuild(settings: Settings, *, publish: bool = False, limit: int = 20, say: Say) -> dict[str, Any]:
    """Rebuild, compare, put in place; returns the comparison, with `outcome` and, where published, `publication`.

    Errors: RunLocked, LandingError (a part is damaged or missing), BuildFailed, AuditRefused: the old warehouse stands.
    """
    home = Home(settings.home)
    try:
        with RunLock(home.lock):
            home.prepare()
            runner.log_to(home)
            manifest = read_json(home.published / "current" / "manifest.json")
            as_of = datetime.fromisoformat(manifest["as_of"]) if manifest else datetime.now(UTC)
            with remade(settings, as_of, say) as made:
                if made.refused:
                    raise AuditRefused(dbt_build.refusal(made.refused), "The old warehouse stands.")
                new = Side("warehouse", made.path, as_of=as_of.isoformat())
                found = compare(resolve(home, "current"), new, limit=limit) if manifest else {"tables": []}
                put_in_place(home, made.path)
            found |= _verdict(home, found, manifest)
            return found | (_publish(settings, say) if publish else {})
    except OSError as error:
        raise explain(error) from error


@contextmanager
def remade(
    settings: Settings,
    as_of: datetime,
    say: Say,
    edit: Edit = lambda connection: None,
    known_at: datetime | None = None,
) -> Iterator[Session]:
    """A warehouse made from landing in a folder beside; what the caller does not put in place is removed.

    `edit` is applied to the books of the old warehouse (what runs recorded of themselves in meta) once they are copied.
    `known_at`: only what had landed by then, without the frozen vintages: as a run of then.
    What data tests refuse is in the session's `refused`. Errors: LandingError, BuildFailed.
    """
    check_sources(settings, ())
    home = Home(settings.home)
    beside = Home(home.root / BESIDE)
    shutil.rmtree(beside.root, ignore_errors=True)
    beside.root.mkdir()
    try:
        for name in CONFIGURATION:
            if (home.root / name).exists():
                shutil.copy(home.root / name, beside.root / name)
        if home.models.exists():
            shutil.copytree(home.models, beside.models)
        if home.vintages.exists() and known_at is None:
            shutil.copytree(home.vintages, beside.vintages)
            if home.adjustments.exists():  # what was recorded of it lies among the vintages
                shutil.copy(home.adjustments, beside.adjustments)
        here = replace(settings, home=beside.root)
        session = Session(Request(), here, str(uuid.uuid4()), as_of, datetime.now(UTC), say=say)
        session.begin()
        loads = load_new(session.path, home.landing, known_at)
        say(f"{sum(load.rows for load in loads):,} records of {len(loads)} windows loaded")
        if not loads:
            raise FunnelError(f"{home.landing} holds no complete window.", "There is nothing to rebuild from.")
        _copy_books(home.warehouse, session.path, edit)
        _copy_counts(home.published / "current" / "funnel.duckdb", session.path)
        record_publications(session.path, releases(home))
        nodes = dbt_build.build(session)
        with suppress(AuditRefused):
            dbt_build.judge(session, nodes)
        yield session
    finally:
        home.export()  # dbt was told of the folder beside
        shutil.rmtree(beside.root, ignore_errors=True)


def put_in_place(home: Home, made: Path) -> None:
    """The new file under the warehouse's name, in one step; the old one's log must not be replayed into it."""
    with made.open("rb+") as file:
        os.fsync(file.fileno())
    with suppress(FunnelError, duckdb.Error), warehouse.connect(home.warehouse) as connection:
        connection.execute("checkpoint")
    home.warehouse.with_name(f"{home.warehouse.name}.wal").unlink(missing_ok=True)
    made.replace(home.warehouse)
    sync_folder(home.root)


def missing_windows(settings: Settings) -> set[str]:
    """Windows that the warehouse holds and landing no longer does: a rebuild would lose them."""
    landed = Landing(settings.landing).window_ids()
    with suppress(FunnelError, duckdb.Error), warehouse.connect(settings.warehouse, read_only=True) as connection:
        loaded = {row[0] for row in connection.execute("select window_id from raw._windows").fetchall()}
        return loaded - landed
    return set()


def build_here(settings: Settings, say: Say) -> list[str]:
    """Build the warehouse's tables anew under the present configuration, at the current publication's as-of, without
    publishing; returns what the data tests found wrong. Errors: as `rebuild`, WrongUse where nothing was built yet.
    """
    check_sources(settings, ())
    home = Home(settings.home)
    with RunLock(home.lock):
        home.prepare()
        runner.log_to(home)
        manifest = read_json(home.published / "current" / "manifest.json")
        as_of = datetime.fromisoformat(manifest["as_of"]) if manifest else runner.built_as_of(settings)
        session = Session(Request(), settings, str(uuid.uuid4()), as_of, datetime.now(UTC), say=say)
        session.begin()
        prepare(session.path)  # raw tables of streams that are younger than the warehouse
        with warehouse.connect(session.path) as connection:  # what a run remembers of its own build no longer holds
            connection.execute("drop table if exists meta.last_build")
        nodes = dbt_build.build(session)
        with suppress(AuditRefused):
            dbt_build.judge(session, nodes)
        return [str(check) for check in session.refused]


def _copy_books(old: Path, new: Path, edit: Edit) -> None:
    """What runs recorded of themselves (checks, audits, publications …): not in landing, so taken over if readable."""
    if not old.exists():
        return
    with warehouse.connect(new) as connection:
        try:
            connection.execute(f"attach '{quoted(old)}' as old (read_only)")
        except duckdb.Error as error:  # damaged, perhaps why it is rebuilt: landing has what counts
            logging.getLogger("funnel").warning("the old warehouse cannot be read: %s", error)
            return
        for name in _books(connection):
            connection.execute(f"create or replace table meta.{name} as from old.meta.{name}")
        connection.execute("detach old")
        edit(connection)


def _copy_counts(published: Path, new: Path) -> None:
    """Counts of earlier runs out of the current publication, where the old warehouse did not give them."""
    table = warehouse.RECONCILIATION
    with warehouse.connect(new) as connection:
        if warehouse.exists(connection, table) or not published.exists():
            return
        connection.execute(f"attach '{quoted(published)}' as told (read_only)")
        schema, name = table.split(".")
        listed = "from duckdb_tables() where database_name = 'told' and schema_name = ? and table_name = ?"
        if connection.execute(listed, [schema, name]).fetchone():
            connection.execute(f"create table {table} as from told.{table}")
        connection.execute("detach told")


def _books(connection: duckdb.DuckDBPyConnection) -> Sequence[str]:
    """Tables of meta that this room writes and keeps, and the counts of earlier runs; the rest dbt makes again."""
    rows = connection.execute(
        "select table_name from duckdb_tables() where database_name = 'old' and schema_name = 'meta'"
    ).fetchall()
    kept = {*warehouse.TABLES, warehouse.RECONCILIATION.split(".")[1]}
    anew = ("configured_", "frozen_", *WRITTEN_ANEW)
    return [row[0] for row in rows if row[0] in kept and not row[0].startswith(anew)]


def _verdict(home: Home, found: dict[str, Any], manifest: dict[str, Any] | None) -> dict[str, Any]:
    if manifest is None:
        return {"outcome": "rebuilt", "equal": None, "message": "The warehouse was rebuilt; nothing is published yet."}
    name = manifest["id"]
    if found["equal"]:
        message = f"The warehouse was rebuilt from landing and equals the publication {name} bit for bit."
    else:
        newest = max(manifest["window_ids"], default="")
        later = sum(window > newest for window in Landing(home.landing).window_ids())
        message = f"The warehouse was rebuilt from landing. Against the publication {name}: {found['message']}"
        message += f" Landing holds {later} windows that are younger than it." if later else ""
    return {"outcome": "rebuilt", "message": message}


def _publish(settings: Settings, say: Say) -> dict[str, Any]:
    outcome = runner.publish(settings, Request(publish=True), say=say)
    return {"code": outcome.code, "publication": outcome.publication, "published": outcome.message}

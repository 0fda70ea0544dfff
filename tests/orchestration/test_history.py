"""Dagster's history: one connection a file while a run is going, no sync a commit, and all of it there afterwards."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy
from sqlalchemy import event
from sqlalchemy.engine import Engine

from orchestration.history import STORAGES, quick_commits
from orchestration.home import Home


@dg.asset
def first() -> int:
    return 1


@dg.asset
def second(first: int) -> int:
    return first + 1


def test_connections_are_kept_and_what_was_written_is_there(tmp_path: Path) -> None:
    home, opened = Home(tmp_path / "home"), []
    home.prepare()

    def connected(connection: Any, record: Any) -> None:
        opened.append(connection.execute("pragma database_list").fetchone()[2])

    event.listen(Engine, "connect", connected)
    try:
        with quick_commits(), dg.DagsterInstance.from_config(str(home.dagster)) as instance:
            done = dg.materialize([first, second], instance=instance)
            with instance.event_log_storage.index_connection() as connection:
                [(synchronous,)] = connection.execute(sqlalchemy.text("pragma synchronous")).fetchall()
    finally:
        event.remove(Engine, "connect", connected)
    assert done.success
    assert synchronous == 1, "not normal"
    written = [path for path in opened if "schedule" not in path]
    assert len(written) == len(set(written)) == 3, "the runs, the index, this run's events"
    assert [import_module(name).create_engine for name in STORAGES] == [sqlalchemy.create_engine] * 2

    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:  # of another process, for all it knows
        run = instance.get_run_by_id(done.run_id)
        assert run is not None
        assert run.status is dg.DagsterRunStatus.SUCCESS
        kept = [entry.dagster_event for entry in instance.all_logs(done.run_id) if entry.dagster_event]
        assert [e.event_type for e in kept].count(dg.DagsterEventType.ASSET_MATERIALIZATION) == 2
        assert {e.event_type for e in done.all_events} <= {e.event_type for e in kept}
        assert instance.get_latest_materialization_event(dg.AssetKey("second")) is not None

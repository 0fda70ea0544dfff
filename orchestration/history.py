"""Dagster's run history on SQLite, written without waiting for the disk at every event.

A run of this project writes some 1,200 events, and Dagster makes an engine and a connection for each: with SQLite's
defaults that was half of a run's time (a sync a commit, and one more when the last connection closes); without the
syncs it was still a tenth of its CPU time (every statement compiled anew for every engine). In WAL mode
`synchronous = normal` stays safe against a killed process and against corruption; a power cut may cost the last events,
which nothing else needs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

STORAGES = (
    "dagster._core.storage.event_log.sqlite.sqlite_event_log",
    "dagster._core.storage.runs.sqlite.sqlite_run_storage",
)
"""Dagster's modules that call `create_engine` for every access to a file."""


@contextmanager
def quick_commits() -> Iterator[None]:
    """Within: Dagster has one engine a database file and one connection a thread, and commits without a sync."""
    from sqlalchemy import create_engine, event
    from sqlalchemy.engine import Engine
    from sqlalchemy.pool import SingletonThreadPool

    kept: dict[str, Engine] = {}

    def engine_of(url: str, **options: Any) -> Engine:
        if url not in kept:
            kept[url] = create_engine(url, **options | {"poolclass": SingletonThreadPool})
            event.listen(kept[url], "connect", _without_sync)
            kept[url].dispose = _later  # type: ignore[method-assign] # Dagster lets go after every access
        return kept[url]

    modules: list[Any] = [import_module(name) for name in STORAGES]
    theirs = [module.create_engine for module in modules]
    for module in modules:
        module.create_engine = engine_of
    try:
        yield
    finally:
        for module, create in zip(modules, theirs, strict=True):
            module.create_engine = create
        for engine in kept.values():
            Engine.dispose(engine)


def _without_sync(connection: sqlite3.Connection, record: Any) -> None:
    connection.execute("pragma synchronous = normal")


def _later(close: bool = True) -> None:
    """What stands for `Engine.dispose` until the history is closed."""

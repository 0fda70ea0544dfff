"""Dagster's run history on SQLite, written without waiting for the disk at every event.

A run of this project writes some 900 events, each over a connection of its own: with SQLite's defaults that was half of
a run's time (a sync a commit, and one more when the last connection closes). In WAL mode `synchronous = normal` stays
safe against a killed process and against corruption; a power cut may cost the last events, which nothing else needs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def quick_commits() -> Iterator[None]:
    """Within: SQLAlchemy's SQLite connections commit without a sync; one kept open a file spares checkpoints."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    kept: dict[str, sqlite3.Connection] = {}

    def connected(connection: Any, record: Any) -> None:
        if not isinstance(connection, sqlite3.Connection):
            return
        connection.execute("pragma synchronous = normal")
        path = connection.execute("pragma database_list").fetchone()[2]
        if path and path not in kept:
            kept[path] = sqlite3.connect(path, check_same_thread=False)
        if path:  # read each time: a connection from before the file was switched to WAL mode holds nothing
            kept[path].execute("select 1 from sqlite_master limit 1").fetchall()

    event.listen(Engine, "connect", connected)
    try:
        yield
    finally:
        event.remove(Engine, "connect", connected)
        for connection in kept.values():
            connection.close()

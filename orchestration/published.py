"""Reading what is published: small questions to the file that `current` names. Never in anyone's way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from orchestration.errors import WrongUse


@contextmanager
def opened(current: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published file, read-only, times in UTC. Errors: WrongUse where it lacks a table or column asked for."""
    with duckdb.connect(str((current / "funnel.duckdb").resolve()), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        try:
            yield connection
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            missing = str(error).splitlines()[0]
            raise WrongUse(
                f"The publication is of another release: {missing}", "`funnel run` makes a new one."
            ) from error


def query(current: Path, sql: str) -> list[dict[str, Any]]:
    """Rows of the published file; an empty list where it is of an older shape. Times come in UTC. Read-only."""
    try:
        with duckdb.connect(str((current / "funnel.duckdb").resolve()), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            cursor = connection.execute(sql)
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    except duckdb.Error:
        return []

"""Reading what is published: small questions to the file that `current` names. Never in anyone's way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb


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

"""A publication as it lies on disk: its manifest, what is wrong with it, and rows of its tables. Read-only."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

Columns = dict[str, Any]
"""A table by columns: {name: list of values, or {"of": distinct texts, "at": a row's place among them, -1: null}}."""


@dataclass(frozen=True)
class Problem:
    """What keeps a publication from being shown whole: a key of the page's words (`problem_…`) and what it is about."""

    key: str
    about: str = ""


@dataclass
class Publication:
    """`manifest` is empty where there is none; `problems` are in the order in which they matter."""

    folder: Path
    manifest: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def file(self) -> Path:
        return self.folder / "funnel.duckdb"


def look(folder: Path, manifest: Mapping[str, Any] | None = None) -> Publication:
    """What lies in a publication's folder; `manifest`: where it is not written yet. What is missing is no error."""
    found = Publication(folder, dict(manifest or {}))
    if not folder.is_dir():
        found.problems.append(Problem("missing", str(folder)))
        return found
    if manifest is None:
        found.manifest = _manifest(folder, found.problems)
    if not found.file.is_file():
        found.problems.append(Problem("no_data", found.file.name))
        return found
    for name, entry in found.manifest.get("files", {}).items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != entry["bytes"]:
            found.problems.append(Problem("half_copied", name))
            break
    return found


def _manifest(folder: Path, problems: list[Problem]) -> dict[str, Any]:
    try:
        read = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        if isinstance(read, dict):
            return read
    except FileNotFoundError:
        problems.append(Problem("no_manifest", "manifest.json"))
        return {}
    except (OSError, ValueError):
        pass
    problems.append(Problem("half_copied", "manifest.json"))
    return {}


@contextmanager
def opened(found: Publication) -> Iterator[duckdb.DuckDBPyConnection | None]:
    """The published file, read-only, times in UTC; None, with a problem noted, where it cannot be read."""
    connection = None
    if found.file.is_file():
        try:
            connection = duckdb.connect(str(found.file.resolve()), read_only=True)
            connection.execute("set TimeZone = 'UTC'")
        except duckdb.Error:
            found.problems.insert(0, Problem("half_copied", found.file.name))
    try:
        yield connection
    finally:
        if connection is not None:
            connection.close()


def columns(connection: duckdb.DuckDBPyConnection, sql: str) -> Columns:
    """A query's answer by columns, as the page's JSON has it. Errors: duckdb.Error."""
    cursor = connection.execute(sql)
    names = [column[0] for column in cursor.description or ()]
    rows = cursor.fetchall()
    return {name: packed([plain(row[n]) for row in rows]) for n, name in enumerate(names)}


def packed(values: list[Any]) -> Any:
    """Texts that repeat are written once: {"of": […], "at": […]}; other columns stay as they are."""
    distinct = dict.fromkeys(v for v in values if isinstance(v, str))
    if not distinct or len(distinct) * 2 > len(values) or any(v is not None and not isinstance(v, str) for v in values):
        return values
    place = {text: n for n, text in enumerate(distinct)}
    return {"of": list(distinct), "at": [-1 if v is None else place[v] for v in values]}


def unpacked(found: Columns) -> list[dict[str, Any]]:
    """Rows of a table again, as the page's script makes them."""
    lists = {name: _list(column) for name, column in found.items()}
    return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]


def _list(column: Any) -> list[Any]:
    return [None if n < 0 else column["of"][n] for n in column["at"]] if isinstance(column, dict) else column


def plain(value: Any) -> Any:
    """JSON's types: money and floats as numbers, months as 2026-06, days as 2026-06-30, instants in ISO with Z."""
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            return None
        value = float(f"{value:.9g}")  # estimates: digits beyond are noise and a third of the page's data
        return int(value) if value.is_integer() else value
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, date):
        return value.isoformat()
    return value

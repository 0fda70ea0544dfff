"""A forgotten person in by-products: logs, Data Docs, Dagster's run history. Texts stay, the person's names go."""

from __future__ import annotations

import logging
import re
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path
from typing import Protocol

from orchestration.home import Home, write_atomically

ELSEWHERE = {"landing", "published", "rebuild", "models", "warehouse.duckdb", "warehouse.duckdb.wal", "run.lock",
             "forgotten.json", "pii.key", ".env", "funnel.yml", "rates.csv", "targets.csv",
             "adjustments.csv", "ledger.csv"}  # fmt: skip
"""What is cleared by other means, or is the user's own."""
LONG = 6
"""Digits from which on a bare number is taken for the person's id."""
SQLITE = b"SQLite format 3\0"


class Named(Protocol):
    @property
    def keys(self) -> set[str]: ...

    @property
    def hashes(self) -> set[str]: ...


def in_traces(home: Home, names: Named, *, dry_run: bool = False) -> list[str]:
    """Clear by-products; returns their paths within home. Without names nothing can be searched for."""
    found = []
    for handler in logging.getLogger("funnel").handlers:
        handler.close()  # it opens its file anew with the next line
    for path in _files(home.root):
        text = _pattern(names.keys, names.hashes)
        if text is None or not _holds(path, text):
            continue
        found.append(str(path.relative_to(home.root)))
        if not dry_run:
            _clear(path, names)
    return found


def scrubbed(text: str, keys: Collection[str], hashes: Collection[str]) -> str:
    """The text with 0 in place of the person's ids and hashes (a number stays a number, so that JSON stays JSON)."""
    pattern = _pattern(keys, hashes)
    return pattern.sub("0", text) if pattern else text


def _pattern(keys: Collection[str], hashes: Collection[str]) -> re.Pattern[str] | None:
    """What stands for the person in a key, a sample, a message or a URL: hashes and long ids as whole words; short ids
    only behind what says that they are one, since a number of four digits may count anything.
    """
    ids = {key.split(":", 1)[1]: key.split(":", 1)[0] for key in keys}
    words = [*sorted(hashes), *sorted(number for number in ids if len(number) >= LONG)]
    found = [rf"(?<![\w.]){re.escape(word)}(?!\w)" for word in words]
    for number, source in sorted(ids.items()):
        before = (f"{re.escape(source)}:", "contacts:", "/", "record ", "record_id ")
        found += [rf"(?<={text}){re.escape(number)}(?!\w)" for text in before]
    return re.compile("|".join(found)) if found else None


def _files(root: Path) -> Iterator[Path]:
    for top in sorted(root.iterdir()):
        if top.name not in ELSEWHERE:
            yield from sorted(p for p in (top.rglob("*") if top.is_dir() else [top]) if p.is_file())


def _holds(path: Path, pattern: re.Pattern[str]) -> bool:
    """Whether a file holds one of the words; a database of SQLite together with its log."""
    if path.name.endswith(("-wal", "-shm")):
        return False
    parts = [path, path.with_name(f"{path.name}-wal")]
    return any(pattern.search(part.read_bytes().decode("utf-8", "replace")) for part in parts if part.exists())


def _clear(path: Path, names: Named) -> None:
    with path.open("rb") as file:
        is_database = file.read(len(SQLITE)) == SQLITE
    if is_database:
        _clear_database(path, names)
        return
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        path.unlink()  # a by-product that is no text: its tool makes it again
        return
    write_atomically(path, scrubbed(text, names.keys, names.hashes))


def _clear_database(path: Path, names: Named) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.create_function("scrubbed", 1, lambda text: scrubbed(text, names.keys, names.hashes))
        for (table,) in connection.execute("select name from sqlite_master where type = 'table'").fetchall():
            columns = [row[1] for row in connection.execute(f'pragma table_info("{table}")').fetchall()]
            for column in columns:
                connection.execute(
                    f"""update "{table}" set "{column}" = scrubbed("{column}")
                        where typeof("{column}") = 'text' and "{column}" <> scrubbed("{column}")"""
                )
        connection.execute("vacuum")
        connection.execute("pragma wal_checkpoint(truncate)")

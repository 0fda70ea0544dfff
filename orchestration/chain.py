"""Files of lines that are only ever added to: each line has the sha256 of the one before, so that a change shows."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ingestion.landing import sync_folder
from orchestration.home import write_atomically

PREVIOUS = "previous_sha256"


class ChainBroken(ValueError):
    """A line is not what was written; the text says which."""


def read(path: Path) -> list[dict[str, Any]]:
    """The entries, oldest first; no file, no entries. Errors: ChainBroken."""
    entries, before = [], ""
    for number, line in enumerate(_lines(path), 1):
        try:
            entry = json.loads(line)
        except ValueError:
            raise ChainBroken(f"{path.name} line {number} cannot be read") from None
        if not isinstance(entry, dict) or entry.get(PREVIOUS) != before:
            raise ChainBroken(f"{path.name} line {number} does not follow the line before it")
        entries.append(entry)
        before = digest(line)
    return entries


def append(path: Path, entry: dict[str, Any]) -> None:
    """Add one entry: the file is replaced in one step, whole before and whole after. Errors: ChainBroken, OSError."""
    read(path)
    lines = _lines(path)
    before = digest(lines[-1]) if lines else ""
    line = json.dumps({**entry, PREVIOUS: before}, ensure_ascii=False)
    write_atomically(path, "\n".join([*lines, line]) + "\n")
    sync_folder(path.parent)


def digest(line: str) -> str:
    """sha256 of a line's text, without its end."""
    return hashlib.sha256(line.encode()).hexdigest()


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

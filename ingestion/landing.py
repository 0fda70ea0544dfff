"""Landing: append-only files of what an API answered, complete or not there at all.

A window is a folder `<source>/<stream>/<window id>/` of zstd NDJSON parts and a `window.json`, renamed into place last.
A folder without `window.json` does not exist: readers skip it and the next run removes it.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson
import zstandard

from ingestion.errors import LandingError

ROWS_A_PART = 5_000
"""Bounds the memory of loading: one part is parsed at a time (about 100 MB for records with history)."""
MANIFEST = "window.json"
Admit = Callable[[str, str, str, dict[str, Any]], dict[str, Any] | None]
"""(source, vendor, stream, record) → the record as it may be landed, or None: it may not."""


@dataclass(frozen=True)
class Part:
    """One file of a window: its name, rows and the sha256 of its bytes."""

    name: str
    rows: int
    sha256: str


@dataclass(frozen=True)
class Window:
    """A complete window. Instants are UTC; `to_at` is the highest modification time that the source returned."""

    window_id: str
    source: str
    vendor: str
    stream: str
    kind: str
    extracted_at: datetime
    from_at: datetime | None
    to_at: datetime | None
    rows: int
    parts: tuple[Part, ...]
    requests: int = 0
    retries: int = 0
    seconds: float = 0.0
    details: Mapping[str, Any] = field(default_factory=dict)
    folder: Path = Path()


class Landing:
    """The landing folder of one FUNNEL_HOME."""

    def __init__(self, root: Path, admit: Admit = lambda source, vendor, stream, record: record) -> None:
        self.root, self.admit = root, admit

    def write(self, source: str, vendor: str, stream: str, kind: str) -> WindowWriter:
        """A writer for a new window; nothing counts until its `commit`."""
        return WindowWriter(self.root / source / stream, source, vendor, stream, kind, self.admit)

    def windows(self) -> Iterator[Window]:
        """Every complete window, oldest first by (extracted_at, window_id)."""
        manifests = sorted(self.root.glob(f"*/*/*/{MANIFEST}"), key=lambda path: path.parent.name)
        for path in manifests:
            yield read_window(path)

    def window_ids(self) -> set[str]:
        """Names of the complete windows, without reading them."""
        return {path.parent.name for path in self.root.glob(f"*/*/*/{MANIFEST}")}

    def vendors(self) -> set[str]:
        """Vendors of which anything was ever landed: one window of each source is read."""
        firsts = (next(source.glob(f"*/*/{MANIFEST}"), None) for source in self.root.glob("*"))
        found = set()
        for manifest in filter(None, firsts):
            with suppress(LandingError):  # loading it tells what is the matter
                found.add(read_window(manifest).vendor)
        return found

    def remove_unfinished(self) -> int:
        """Remove what a killed run left behind; call only under the run lock. Returns the number of folders."""
        unfinished = [
            folder for folder in self.root.glob("*/*/*") if folder.is_dir() and not (folder / MANIFEST).exists()
        ]
        for folder in unfinished:
            shutil.rmtree(folder)
        return len(unfinished)


class WindowWriter:
    """Streams records into parts. Use as a context manager: leaving without `commit` removes the folder."""

    def __init__(self, parent: Path, source: str, vendor: str, stream: str, kind: str, admit: Admit) -> None:
        self.extracted_at = datetime.now(UTC)
        self.window_id = f"{self.extracted_at:%Y%m%dT%H%M%S%fZ}-{secrets.token_hex(3)}"
        self.folder = parent / self.window_id
        self.source, self.vendor, self.stream, self.kind = source, vendor, stream, kind
        self.rows = 0
        self._admit = admit
        self._parts: list[Part] = []
        self._part: _PartFile | None = None
        self._committed = False

    def __enter__(self) -> WindowWriter:
        self.folder.mkdir(parents=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._committed:
            if self._part:
                self._part.abandon()
            shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, record: dict[str, Any]) -> bool:
        """Append one record; False where it may not be landed."""
        admitted = self._admit(self.source, self.vendor, self.stream, record)
        if admitted is None:
            return False
        if self._part is None:
            self._part = _PartFile(self.folder / f"part-{len(self._parts):05d}.ndjson.zst")
        self._part.write(orjson.dumps(admitted, option=orjson.OPT_APPEND_NEWLINE))
        self.rows += 1
        if self._part.rows >= ROWS_A_PART:
            self._close_part()
        return True

    def commit(
        self,
        *,
        from_at: datetime | None = None,
        to_at: datetime | None = None,
        requests: int = 0,
        retries: int = 0,
        seconds: float = 0.0,
        details: Mapping[str, Any] | None = None,
    ) -> Window:
        """Make the window exist: parts on disk, then window.json renamed into place, then the folder synced."""
        self._close_part()
        manifest = {
            "window_id": self.window_id,
            "source": self.source,
            "vendor": self.vendor,
            "stream": self.stream,
            "kind": self.kind,
            "extracted_at": self.extracted_at.isoformat(),
            "from_at": from_at and from_at.isoformat(),
            "to_at": to_at and to_at.isoformat(),
            "rows": self.rows,
            "parts": [part.__dict__ for part in self._parts],
            "requests": requests,
            "retries": retries,
            "seconds": round(seconds, 3),
            "details": dict(details or {}),
        }
        temporary = self.folder / f".{MANIFEST}"
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(manifest, file, indent=1, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(self.folder)
        temporary.rename(self.folder / MANIFEST)
        sync_folder(self.folder)
        for parent in (self.folder.parent, self.folder.parent.parent):
            sync_folder(parent)
        self._committed = True
        return read_window(self.folder / MANIFEST)

    def _close_part(self) -> None:
        if self._part is not None:
            self._parts.append(self._part.close())
            self._part = None


class _PartFile:
    """One compressed part; its hash is of the bytes on disk."""

    def __init__(self, path: Path) -> None:
        self.path, self.rows = path, 0
        self._hash = hashlib.sha256()
        self._file = path.open("wb")
        self._zip = zstandard.ZstdCompressor(level=3).compressobj()

    def write(self, line: bytes) -> None:
        self._emit(self._zip.compress(line))
        self.rows += 1

    def close(self) -> Part:
        self._emit(self._zip.flush())
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return Part(self.path.name, self.rows, self._hash.hexdigest())

    def abandon(self) -> None:
        self._file.close()

    def _emit(self, data: bytes) -> None:
        self._hash.update(data)
        self._file.write(data)


def read_window(path: Path) -> Window:
    """A window from its window.json; LandingError where the file is damaged."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        instants = {
            name: data[name] and datetime.fromisoformat(data[name]) for name in ("extracted_at", "from_at", "to_at")
        }
        return Window(
            **(data | instants | {"parts": tuple(Part(**part) for part in data["parts"]), "folder": path.parent})
        )
    except (ValueError, KeyError, TypeError) as error:
        raise LandingError(f"{path} is damaged ({error}). Remove its folder and run again with --full.") from None


def check_parts(window: Window) -> None:
    """Raise LandingError where a part is missing or its bytes are not those that were written."""
    for part in window.parts:
        path = window.folder / part.name
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise LandingError(
                f"{path}: {error.strerror}. Restore it, or remove the folder and run with --full."
            ) from None
        if digest != part.sha256:
            raise LandingError(f"{path} is not what was landed (sha256 differs). Restore it from your backup.")


def sync_folder(folder: Path) -> None:
    """fsync of a directory, so that a rename in it survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

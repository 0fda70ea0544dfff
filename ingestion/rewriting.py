"""Taking people out of landing: the one case in which a landed window is written again.

New parts are written beside the old ones under names of their own; the renamed window.json says which count. Killed
before it, the old window stands; killed after it, the old parts are strays that the next call removes.
"""

from __future__ import annotations

import io
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import zstandard

from ingestion.forgotten import Forgotten, without
from ingestion.landing import MANIFEST, Landing, Part, Window, _PartFile, check_parts, sync_folder
from ingestion.registry import vendors
from ingestion.stream import Json


@dataclass(frozen=True)
class Rewritten:
    """What happened (or would happen) to one window."""

    window: Window
    removed: int
    changed: int


def concerned(landing: Landing) -> Iterator[Window]:
    """Windows of the streams that hold or name people, oldest first."""
    for window in landing.windows():
        if window.vendor in vendors() and window.stream in vendors()[window.vendor].people:
            yield window


def identities(landing: Landing, keys: set[str], hashes: set[str]) -> None:
    """Grow `keys` (<source>:<id>) and `hashes` to all that landing knows of the same person: merged contacts, other
    connections with the same e-mail, earlier e-mails. Reads until nothing new is found.
    """
    while True:
        before = len(keys) + len(hashes)
        for window in concerned(landing):
            vendor = vendors()[window.vendor]
            identify = vendor.identity_of
            if identify is None or window.stream not in (vendor.people[0], *vendor.also_people):
                continue
            for record in records(window):
                ids, mine = identify(window.stream, record)
                own = {f"{window.source}:{number}" for number in ids}
                if own & keys or mine & hashes:
                    keys |= own
                    hashes |= mine
        if len(keys) + len(hashes) == before:
            return


def forget(landing: Landing, forgotten: Forgotten, *, dry_run: bool = False) -> list[Rewritten]:
    """Take forgotten people out of every concerned window; returns the windows that held any.

    Errors: LandingError where a part is missing or damaged.
    """
    done = []
    for window in concerned(landing):
        if not dry_run:
            _remove_strays(window)
        found = _rewrite(window, partial(without, forgotten, window.source, window.vendor, window.stream), dry_run)
        if found.removed or found.changed:
            done.append(found)
    return done


def records(window: Window) -> Iterator[Json]:
    """Every record of a window, one at a time. Errors: LandingError."""
    check_parts(window)
    for part in window.parts:
        for line in _lines(window.folder / part.name):
            yield orjson.loads(line)


def _rewrite(window: Window, edit: Callable[[Json], Json | None], dry_run: bool) -> Rewritten:
    check_parts(window)
    parts: list[Part] = []
    removed = changed = 0
    for part in window.parts:
        gone, altered = _effect(window.folder / part.name, edit)
        removed, changed = removed + gone, changed + altered
        if dry_run or not (gone or altered):
            parts.append(part)
        elif gone < part.rows:
            parts.append(_write_part(window.folder, part, edit))
    if not dry_run and (removed or changed):
        _commit(window, parts)
    return Rewritten(window, removed, changed)


def _effect(path: Path, edit: Callable[[Json], Json | None]) -> tuple[int, int]:
    """Records that `edit` would remove and change in one part."""
    removed = changed = 0
    for line in _lines(path):
        record = orjson.loads(line)
        edited = edit(record)
        removed += edited is None
        changed += edited is not None and edited is not record
    return removed, changed


def _write_part(folder: Path, part: Part, edit: Callable[[Json], Json | None]) -> Part:
    """The edited part under a name of its own; lines that stay are the same bytes."""
    stem = part.name.split(".")[0].split("~")[0]
    file = _PartFile(folder / f"{stem}~{secrets.token_hex(3)}.ndjson.zst")
    for line in _lines(folder / part.name):
        record = orjson.loads(line)
        edited = edit(record)
        if edited is record:
            file.write(line)
        elif edited is not None:
            file.write(orjson.dumps(edited, option=orjson.OPT_APPEND_NEWLINE))
    return file.close()


def _commit(window: Window, parts: Iterable[Part]) -> None:
    parts = list(parts)
    manifest: dict[str, Any] = json.loads((window.folder / MANIFEST).read_text(encoding="utf-8"))
    manifest |= {"rows": sum(part.rows for part in parts), "parts": [asdict(part) for part in parts]}
    temporary = window.folder / f".{MANIFEST}"
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(manifest, file, indent=1, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(window.folder)
    temporary.rename(window.folder / MANIFEST)
    sync_folder(window.folder)
    _remove_strays(replace(window, parts=tuple(parts)))


def _remove_strays(window: Window) -> None:
    """Files of a window's folder that its window.json does not name."""
    named = {MANIFEST, *(part.name for part in window.parts)}
    for path in [path for path in window.folder.iterdir() if path.name not in named]:
        path.unlink()


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as reader:
        yield from io.BufferedReader(reader, 1 << 20)

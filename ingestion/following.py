"""CRMs of plain lists: a stream is followed by its records' dates, and its ids are compared with the source's.

What a record is, how a list is asked for and paged is the vendor's; here is what all have in common: which version is
new, from where the next sync goes on, what vanished. A record of a stream that says by itself that it was deleted is a
version like any other. One that only stopped being listed is an absence (`units.land_absences`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from ingestion.instants import is_due, moment
from ingestion.redaction import redact
from ingestion.stream import Json, StateReader
from ingestion.units import Units

OVERLAP = timedelta(minutes=10)
"""How far behind a sync's beginning the next one starts: what is written becomes visible some minutes late."""
SETTLED = timedelta(seconds=2)
"""Dates are whole seconds: a record read within so long of its date may change once more under the same one."""


@dataclass(frozen=True)
class Spec:
    """One followed stream. `modified`: name of the date that every new version moves."""

    stream: str
    modified: str
    deleted: str = ""
    """Name of the field that says "true" of a deleted record; empty: such are no longer listed."""
    counted_as: str = ""
    """Object name in absences and source_counts; empty: rows of a history, which nobody compares."""
    every_sync: bool = False
    """Ids are compared at every sync, not once a week: the source tells of no deletion."""


@dataclass
class Past:
    """What was landed of a stream before. `resume` None: never synced."""

    resume: datetime | None = None
    swept: datetime | None = None
    withheld: int = 0
    """Records that the source lists and that may not be landed (forgotten people), when last compared."""
    dates: dict[str, str] = field(default_factory=dict)
    """{id: date of its newest version} of what is there and of what is deleted."""
    deleted: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)

    @property
    def live(self) -> set[str]:
        return self.dates.keys() - self.deleted - self.absent


@dataclass(frozen=True)
class Source:
    """What a vendor's module gives for one stream of one connection."""

    read: Callable[[datetime | None], Iterable[Json]]
    """What was modified since, deleted records included where the source still has them; None: all there is."""
    ids: Callable[[], Iterable[str]] | None = None
    """Every id that the source lists as live."""
    by_ids: Callable[[Sequence[str]], Iterable[Json]] | None = None
    """Records of these ids; without it an overlooked record is found by the next full sync."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    """The source's clock."""


def read_past(reader: StateReader, specs: Iterable[Spec]) -> dict[str, Past]:
    """{stream: what was landed of it}."""
    absent: dict[str, dict[str, int]] = {}
    for _, sequence, name, id in reader.newest("absences", ("$.object", "$.object_id")):
        absent.setdefault(name, {})[id] = sequence
    found = {}
    for spec in specs:
        window = reader.last_window(spec.stream) or {}
        past = Past(moment(window.get("resume")), moment(window.get("swept")), window.get("withheld") or 0)
        gone = absent.get(spec.counted_as, {})
        if past.resume:
            paths = (f"$.{spec.modified}", f"$.{spec.deleted or spec.modified}")
            for id, sequence, date, deleted in reader.newest(spec.stream, paths):
                past.dates[id] = date or ""
                if spec.deleted and deleted == "true":
                    past.deleted.add(id)
                if gone.get(id, -1) >= sequence:
                    past.absent.add(id)
        found[spec.stream] = past
    return found


def follow_all(units: Units, sources: Mapping[Spec, Source], past: Mapping[str, Past], threads: int) -> None:
    """Several streams side by side, each with its own outcome, while the vendor's allowance lasts."""
    units.side_by_side(
        {
            spec.stream: partial(follow, units, spec, source, past.get(spec.stream) or Past())
            for spec, source in sources.items()
        },
        threads,
    )


def follow(units: Units, spec: Spec, source: Source, past: Past) -> None:
    """Land what is new of a stream, then what its dates do not tell. Its own window is committed last: killed before
    that, all is read again.
    """
    started, report = time.monotonic(), units.reports[spec.stream]
    full = units.pull.full or past.resume is None
    report.kind = "full" if full else "incremental"
    began, personal = source.now(), units.vendor.stream(spec.stream).personal
    live: set[str] = set() if full else past.live
    deleted: set[str] = set()
    withheld: set[str] = set()
    high: datetime | None = None
    with ExitStack() as stack:
        writer = units.write(stack, spec.stream, report.kind)

        def land(records: Iterable[Json], again: bool) -> None:
            nonlocal high
            for record in records:
                id, date = str(record.get("id")), record.get(spec.modified)
                is_deleted = bool(spec.deleted) and record.get(spec.deleted) is True
                at = moment(date)
                high = max(filter(None, (high, at)), default=None)
                if not again and _known(past, id, date, at, is_deleted):
                    continue
                kept = writer.write(redact(record, personal, units.pull.pii_key))
                (deleted if is_deleted else live if kept else withheld).add(id)
                if is_deleted:
                    live.discard(id)
                if writer.rows % 1_000 == 0:
                    units.pull.progress(units.source, spec.stream, writer.rows, None)
            units.pull.progress(units.source, spec.stream, writer.rows, None)

        land(source.read(None if full else past.resume), again=full)
        details: dict[str, Any] = {
            "resume": (began - OVERLAP).isoformat(),
            "swept": _iso(past.swept),
            "withheld": past.withheld,
        }
        if spec.counted_as:
            clock = units.pull.as_of or began
            compared = full or spec.every_sync or is_due(past.swept, clock)
            gone: set[str] = (past.live - live - deleted - withheld) if full else set()
            if compared and not full and source.ids:
                listed = set(source.ids())
                missing = sorted(listed - live)
                if source.by_ids and missing:
                    land(source.by_ids(missing), again=True)
                    if found := len(listed & live & set(missing)):
                        report.warnings += (f"comparison of ids: {found} records were missing; read now",)
                gone = past.live - listed - deleted
                live = live & listed
                withheld = listed - live
            units.land_absences(stack, spec.counted_as, gone, report.kind, started, began)
            count = len(live) if compared else None
            units.land_count(
                stack, spec.counted_as, started, live=count, archived=None, bracket_low=count, bracket_high=count
            )
            if compared:
                details |= {"swept": clock.isoformat(), "withheld": len(withheld)}
        units.commit(writer, started, from_at=None if full else past.resume, to_at=high, details=details)


def _known(past: Past, id: str, date: Any, at: datetime | None, is_deleted: bool) -> bool:
    """Whether this version was landed before, and was old enough then for no other to have had the same date."""
    if past.resume is None or at is None or id in past.absent or (id in past.deleted) != is_deleted:
        return False
    return past.dates.get(id) == str(date) and at < past.resume + OVERLAP - SETTLED


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()

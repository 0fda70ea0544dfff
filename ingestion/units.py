"""Units of work of one connection's extraction: each leaves complete windows or none, and a report for each stream."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from ingestion.client import Client
from ingestion.errors import MissingScope, RateLimited, SourceError
from ingestion.landing import WindowWriter
from ingestion.redaction import redact
from ingestion.stream import Json, Pull, StreamReport, Vendor

REPLAY = timedelta(hours=1)
"""So far behind a source's newest change an as-of tells of a past being replayed, not of a run that has just begun."""


class Units:
    """State of one connection's run: its reports, written by several units side by side, hence the lock."""

    def __init__(self, vendor: Vendor, pull: Pull, client: Client) -> None:
        self.vendor, self.pull, self.client = vendor, pull, client
        self.source = pull.connection.name
        self.reports = {s.name: StreamReport(self.source, vendor.name, s.name) for s in vendor.streams}
        self.spent: SourceError | None = None
        """The vendor's allowance ran out: nothing further is asked."""
        self._lock = threading.Lock()

    def unless_spent(self, stream: str, unit: Callable[[], None]) -> None:
        """As `guarded`, where the day's allowance is not used up yet; the first unit to hear so stops the others."""
        if self.spent is None:
            self.guarded(stream, unit)
            if isinstance(error := self.reports[stream].error, RateLimited):
                self.spent = error
        else:
            self.reports[stream].error = RateLimited(self.source, stream, self.spent.message, self.spent.guidance)

    def side_by_side(self, units: Mapping[str, Callable[[], None]], threads: int) -> None:
        """{stream: unit}, several at a time, while the allowance lasts."""
        with ThreadPoolExecutor(threads, thread_name_prefix=f"extract-{self.source}") as pool:
            list(pool.map(lambda unit: self.unless_spent(*unit), units.items()))

    def guarded(self, stream: str, unit: Callable[[], None]) -> None:
        """A unit's failure is its stream's; a missing optional scope is a warning."""
        started = time.monotonic()
        report = self.reports[stream]
        try:
            unit()
        except MissingScope as error:
            if self.vendor.stream(stream).optional:
                report.warnings += (f"skipped: {error.message}",)
            else:
                report.error = error
        except SourceError as error:
            report.error = error
        except OSError as error:
            report.error = SourceError(
                self.source, stream, f"could not be landed: {error.strerror or error}",
                "Free disk space or make FUNNEL_HOME writable, then run again; nothing of this window counts.",
            )  # fmt: skip
        self.counted(stream)
        report.seconds = time.monotonic() - started

    def counted(self, stream: str) -> None:
        """The stream's report tells what it has cost so far."""
        counts = self.client.counts(stream)
        self.reports[stream].requests, self.reports[stream].retries = counts.requests, counts.retries

    def failed(self, error: SourceError) -> list[StreamReport]:
        """All reports, where the connection as a whole cannot be read: each stream's error is that one."""
        for report in self.reports.values():
            report.error = report.error or error
        return list(self.reports.values())

    def write(self, stack: ExitStack, stream: str, kind: str) -> WindowWriter:
        """A new window's writer, gone with `stack` where it is not committed."""
        return stack.enter_context(self.pull.landing.write(self.source, self.vendor.name, stream, kind))

    def commit(self, writer: WindowWriter, started: float, **about: Any) -> None:
        """Make the window exist, and add it to its stream's report. `started`: of time.monotonic()."""
        counts = self.client.counts(writer.stream)
        window = writer.commit(
            requests=counts.requests, retries=counts.retries, seconds=time.monotonic() - started, **about
        )
        with self._lock:
            report = self.reports[writer.stream]
            report.window_id, report.kind = window.window_id, window.kind
            report.rows += window.rows
            report.from_at, report.to_at = window.from_at, window.to_at

    def land_absences(
        self, stack: ExitStack, name: str, ids: Iterable[str], kind: str, started: float, began: datetime | None
    ) -> None:
        """Records of the object `name` that vanished, dated by `absent_by`; no window where there are none."""
        if not (gone := sorted(ids)):
            return
        writer = self.write(stack, "absences", kind)
        noticed = absent_by(began, self.pull.as_of).isoformat()
        for id in gone:
            writer.write({"id": f"{name}:{id}", "object": name, "object_id": id, "absent_by": noticed})
        self.commit(writer, started)

    def land_count(self, stack: ExitStack, name: str, started: float, **count: int | None) -> None:
        """The source's own count of the object `name`: live, archived, bracket_low, bracket_high; null: not asked."""
        writer = self.write(stack, "source_counts", "full")
        writer.write({"id": name, "object": name, **count, "counted_at": datetime.now(UTC).isoformat()})
        self.commit(writer, started)

    def land_whole(self, stream: str, records: Iterable[Json], details: Mapping[str, Any] | None = None) -> None:
        """A small stream that is read whole at every sync."""
        started, personal = time.monotonic(), self.vendor.stream(stream).personal
        with ExitStack() as stack:
            writer = self.write(stack, stream, "full")
            for record in records:
                writer.write(redact(record, personal, self.pull.pii_key))
            self.commit(writer, started, details=details)
            self.pull.progress(self.source, stream, writer.rows, writer.rows)


def absent_by(began: datetime | None, as_of: datetime | None) -> datetime:
    """When a record that this sync no longer finds is taken to have vanished: nobody tells, so as late as can be.

    That is just before the run's as-of: it was there at every month end before, and it is gone now. `began` is the
    newest modification that the source showed when the sync began (or the source's own clock then); where it lies well
    after as-of, a past is being replayed, of which this sync knows nothing, and `began` itself is the date.
    """
    if as_of is None or (began is not None and began >= as_of + REPLAY):
        return began or datetime.now(UTC)
    return as_of - timedelta(milliseconds=1)


def content_hash(record: Mapping[str, Any]) -> str:
    """What a record says, short: two of the same content have the same, in whatever order their keys come."""
    return hashlib.sha256(orjson.dumps(record, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]

"""One HubSpot connection's extraction: its units of work side by side, each leaving complete windows or none."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

from ingestion.errors import AuthError, MissingScope, SourceError, Unreachable
from ingestion.landing import WindowWriter
from ingestion.redaction import redact
from ingestion.sources.hubspot.api import ASSOCIATION_INPUTS, Api, Json, NotFound
from ingestion.sources.hubspot.held import links_hash
from ingestion.sources.hubspot.late import STREAM as LATE
from ingestion.sources.hubspot.late import late_records, late_spec
from ingestion.sources.hubspot.objects import DEALS, GOALS, OBJECTS, ObjectSpec
from ingestion.sources.hubspot.pull import ObjectPull, chunks
from ingestion.sources.hubspot.state import OVERLAP, ObjectState, State, fingerprint, instant
from ingestion.sources.hubspot.weekly import SAMPLE
from ingestion.stream import Pull, Stream, StreamReport, Vendor

VENDOR_NAME = "hubspot"


class Extraction:
    """State of one connection's run: the API, and a report a stream (written by several units, hence the lock)."""

    def __init__(self, vendor: Vendor, pull: Pull, api: Api) -> None:
        self.vendor, self.pull, self.api = vendor, pull, api
        self.state: State = pull.state or State()
        self.source = pull.connection.name
        self.reports = {s.name: StreamReport(self.source, VENDOR_NAME, s.name) for s in vendor.streams}
        self._lock = threading.Lock()
        self.known_stages: set[str] = set()

    def run(self) -> list[StreamReport]:
        """All units; pipelines first, since they tell whether the token is good and which stages exist."""
        self._guarded("deal_pipelines", lambda: self._pipelines("deal_pipelines", "deals"))
        if isinstance(error := self.reports["deal_pipelines"].error, AuthError | Unreachable):
            for report in self.reports.values():
                report.error = report.error or error
            return list(self.reports.values())
        units: dict[str, Callable[[], None]] = {spec.name: self._object_unit(spec) for spec in OBJECTS}
        units["owners"] = self._owners
        units[GOALS.name] = self._goals
        units["lead_pipelines"] = lambda: self._pipelines("lead_pipelines", "leads")
        units["properties"] = self._properties
        with ThreadPoolExecutor(len(units), thread_name_prefix=f"extract-{self.source}") as pool:
            list(pool.map(lambda unit: self._guarded(*unit), units.items()))
        return list(self.reports.values())

    def _guarded(self, stream: str, unit: Callable[[], None]) -> None:
        """A unit's failure is its stream's; a missing optional scope is a warning."""
        started = time.monotonic()
        report = self.reports[stream]
        try:
            unit()
        except MissingScope as error:
            if self.vendor.stream(stream).optional:
                report.warnings += (f"skipped: the token lacks the scope {error.scope}",)
            else:
                report.error = error
        except SourceError as error:
            report.error = error
        except OSError as error:
            report.error = SourceError(
                self.source, stream, f"could not be landed: {error.strerror or error}",
                "Free disk space or make FUNNEL_HOME writable, then run again; nothing of this window counts.",
            )  # fmt: skip
        counts = self.api.client.counts(stream)
        report.requests, report.retries = counts.requests, counts.retries
        report.seconds = time.monotonic() - started

    def _write(self, stack: ExitStack, stream: str, kind: str) -> WindowWriter:
        return stack.enter_context(self.pull.landing.write(self.source, VENDOR_NAME, stream, kind))

    def _commit(self, writer: WindowWriter, started: float, **about: Any) -> None:
        counts = self.api.client.counts(writer.stream)
        window = writer.commit(
            requests=counts.requests, retries=counts.retries, seconds=time.monotonic() - started, **about
        )
        with self._lock:
            report = self.reports[writer.stream]
            report.window_id, report.kind = window.window_id, window.kind
            report.rows += window.rows
            report.from_at, report.to_at = window.from_at, window.to_at

    def _land_whole(self, stream: str, records: Iterable[Json]) -> None:
        """A small stream that is read whole at every sync."""
        started, personal = time.monotonic(), self.vendor.stream(stream).personal
        with ExitStack() as stack:
            writer = self._write(stack, stream, "full")
            for record in records:
                writer.write(redact(record, personal, self.pull.pii_key))
            self._commit(writer, started)
            self.pull.progress(self.source, stream, writer.rows, writer.rows)

    def _pipelines(self, stream: str, objects: str) -> None:
        pipelines = self.api.pipelines(stream, objects)
        if objects == "deals":
            self.known_stages = {str(stage.get("id")) for p in pipelines for stage in p.get("stages") or []}
        self._land_whole(stream, pipelines)

    def _owners(self) -> None:
        active = self.api.owners("owners", archived=False)
        archived = self.api.owners("owners", archived=True)
        self._land_whole("owners", (owner for owners in (active, archived) for owner in owners))

    def _goals(self) -> None:
        """Goals as they are now; a portal of an edition without them answers that there is no such object."""
        try:
            self._land_whole(GOALS.name, list(self.api.every(GOALS)))
        except NotFound:
            self.reports[GOALS.name].warnings += ("skipped: this portal has no goals",)

    def _properties(self) -> None:
        """Definitions of every object's properties: landed when they changed, and once a day. What is asked for and was
        removed at the source is a warning for as long as it is missing.
        """
        rows: list[Json] = []
        for spec in OBJECTS:
            try:
                definitions = self.api.property_definitions("properties", spec.name)
            except MissingScope:
                continue
            rows += [{"id": f"{spec.name}:{d['name']}", "object": spec.name, **d} for d in definitions if d.get("name")]
            names = {d["name"] for d in definitions if d.get("name")}
            if spec is DEALS:
                self.reports[spec.name].warnings += tuple(
                    f"property {name} of funnel.yml is not known at the source: it is null"
                    for name in sorted(self.pull.asked.keys() - names)
                )
            gone = (self.state.properties.get(spec.name) or set()) - names
            self.reports[spec.name].warnings += tuple(
                f"property {name} was removed at the source: records read from now on have no value of it"
                for name in sorted(gone & {*self._asked(spec).properties, *spec.history})
            )
        listed = self.state.listing
        if self.pull.full or listed.is_old(datetime.now(UTC)) or listed.records != {row["id"]: row for row in rows}:
            self._land_whole("properties", rows)

    def _asked(self, spec: ObjectSpec) -> ObjectSpec:
        """What is asked of an object: of deals also what funnel.yml names."""
        return spec.with_asked(self.pull.asked) if spec is DEALS else spec

    def _late_properties(self, state: ObjectState) -> None:
        """Deals read before lack what funnel.yml names since: read just that, before anything else of this sync."""
        started, late = time.monotonic(), late_spec(DEALS, self.pull.asked, state.asked)
        if late is None:
            return
        with ExitStack() as stack:
            writer = self._write(stack, LATE, "full")
            for record in late_records(self.api, late):
                writer.write(record)
                self.pull.progress(self.source, LATE, writer.rows, len(state.live) + len(state.archived))
            self._commit(writer, started, details={"asked": list(late.properties), "history": list(late.history)})
        counts = self.api.client.counts(LATE)
        self.reports[LATE].requests, self.reports[LATE].retries = counts.requests, counts.retries

    def _object_unit(self, spec: ObjectSpec) -> Callable[[], None]:
        return lambda: self._object(spec, self.state.objects.get(spec.name) or ObjectState())

    def _object(self, spec: ObjectSpec, state: ObjectState) -> None:
        """One object with what hangs on it. Its own window is committed last: killed before that, all is read again."""
        started, clock = datetime.now(UTC), time.monotonic()
        stream: Stream = self.vendor.stream(spec.name)
        kind = "full" if self.pull.full or state.resume is None else "incremental"
        if spec is DEALS and kind == "incremental":
            self._late_properties(state)
        with ExitStack() as stack:
            writer = self._write(stack, spec.name, kind)
            pull = ObjectPull(
                self.api, self._asked(spec), state, writer,
                redact=lambda record: redact(record, stream.personal, self.pull.pii_key),
                progress=lambda rows, expected: self.pull.progress(self.source, spec.name, rows, expected),
                as_of=self.pull.as_of,
            )  # fmt: skip
            count = pull.run()
            if spec is DEALS and pull.stages - self.known_stages:
                self._pipelines("deal_pipelines", "deals")  # a stage made a moment ago: look once more, once
            high = max(pull.high, state.high)
            for linked, target in spec.link_streams.items():
                self._associations(stack, spec, linked, target, pull, clock)
            self._absences(stack, spec, pull, kind, clock)
            counts = self._write(stack, "source_counts", "full")
            counts.write(
                {
                    "id": spec.name, "object": spec.name, "live": count.live, "archived": count.archived,
                    "bracket_low": count.low, "bracket_high": count.high, "counted_at": started.isoformat(),
                }
            )  # fmt: skip
            self._commit(counts, clock)
            resume = max(0, pull.began - round(OVERLAP.total_seconds() * 1000))
            self._commit(
                writer, clock, from_at=instant(state.resume if kind == "incremental" else None), to_at=instant(high),
                details={
                    "resume_ms": resume, "high_ms": high, "began_ms": pull.began, "fingerprint": fingerprint(spec),
                    "as_of": self.pull.as_of and self.pull.as_of.isoformat(), "swept_ms": pull.swept,
                    "sweep": pull.sweep and pull.sweep.as_details(), "history_differs": len(pull.differing),
                    **({"asked": dict(self.pull.asked)} if spec is DEALS else {}),
                },
            )  # fmt: skip
            self.reports[spec.name].warnings += tuple(_noticed(pull))

    def _associations(
        self, stack: ExitStack, spec: ObjectSpec, stream: str, target: str, pull: ObjectPull, clock: float
    ) -> None:
        """Links of what was read; at the weekly look of every live record, of which only changed ones are landed."""
        writer, held = self._write(stack, stream, pull.writer.kind), pull.state.links.get(stream)
        read, silent = set(pull.seen), 0
        for batch in chunks(sorted(read | set(pull.live_now()) if pull.sweep else read), ASSOCIATION_INPUTS):
            for sender, linked in self.api.associations(stream, spec.name, target, batch).items():
                record = {"id": sender, "to": linked}
                if int(sender) not in read:
                    told = self.pull.landing.admit(self.source, VENDOR_NAME, stream, record) or {}
                    if held is not None and held.get(int(sender)) == links_hash(told.get("to") or []):
                        continue
                    silent += 1
                writer.write(record)
        self._commit(writer, clock, details={"sweep": {"silent_changes": silent}} if pull.sweep else None)
        if silent:
            self.reports[stream].warnings += (f"silent change: links of {silent} {spec.name} changed, dates did not",)
        counts = self.api.client.counts(stream)
        self.reports[stream].requests, self.reports[stream].retries = counts.requests, counts.retries

    def _absences(self, stack: ExitStack, spec: ObjectSpec, pull: ObjectPull, kind: str, clock: float) -> None:
        """Purged records, dated by `absent_by`."""
        if not pull.absent:
            return
        writer = self._write(stack, "absences", kind)
        noticed = absent_by(instant(pull.began), self.pull.as_of).isoformat()
        for number in sorted(pull.absent):
            writer.write(
                {"id": f"{spec.name}:{number}", "object": spec.name, "object_id": str(number), "absent_by": noticed}
            )
        self._commit(writer, clock)


def _noticed(pull: ObjectPull) -> Iterator[str]:
    """What people should hear of an object's extraction, beside errors."""
    if pull.sweep and pull.sweep.silent:
        shown = ", ".join(str(number) for number in pull.sweep.silent[:SAMPLE])
        yield f"silent change: {len(pull.sweep.silent)} records changed, their dates did not ({shown} …); read again"
    if pull.sweep and (pull.sweep.missing or pull.sweep.surplus):
        yield f"weekly sweep: {len(pull.sweep.missing)} records were missing, {pull.sweep.surplus} gone at the source"
    if pull.differing:
        yield f"{len(pull.differing)} records differ from the end of their own history, also when read once more"


def absent_by(began: datetime | None, as_of: datetime | None) -> datetime:
    """When a record that this sync no longer finds is taken to have vanished: nobody tells, so as late as can be.

    That is just before the run's as-of: it was there at every month end before, and it is gone now. `began` is the
    newest modification that the source showed when the sync began; where it lies well after as-of, a past is being
    replayed, of which this sync knows nothing, and `began` itself is the date.
    """
    if as_of is None or (began is not None and began >= as_of + OVERLAP):
        return began or datetime.now(UTC)
    return as_of - timedelta(milliseconds=1)

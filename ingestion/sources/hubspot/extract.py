"""One HubSpot connection's extraction: its units of work side by side, each leaving complete windows or none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime

from ingestion.errors import AuthError, MissingScope, Unreachable
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
from ingestion.units import Units, absent_by


class Extraction(Units):
    """One connection's run over HubSpot's API."""

    def __init__(self, vendor: Vendor, pull: Pull, api: Api) -> None:
        super().__init__(vendor, pull, api.client)
        self.api = api
        self.state: State = pull.state or State()
        self.known_stages: set[str] = set()

    def run(self) -> list[StreamReport]:
        """All units; pipelines first, since they tell whether the token is good and which stages exist."""
        self.guarded("deal_pipelines", lambda: self._pipelines("deal_pipelines", "deals"))
        if isinstance(error := self.reports["deal_pipelines"].error, AuthError | Unreachable):
            return self.failed(error)
        units: dict[str, Callable[[], None]] = {spec.name: self._object_unit(spec) for spec in OBJECTS}
        units["owners"] = self._owners
        units[GOALS.name] = self._goals
        units["lead_pipelines"] = lambda: self._pipelines("lead_pipelines", "leads")
        units["properties"] = self._properties
        with ThreadPoolExecutor(len(units), thread_name_prefix=f"extract-{self.source}") as pool:
            list(pool.map(lambda unit: self.guarded(*unit), units.items()))
        return list(self.reports.values())

    def _pipelines(self, stream: str, objects: str) -> None:
        pipelines = self.api.pipelines(stream, objects)
        if objects == "deals":
            self.known_stages = {str(stage.get("id")) for p in pipelines for stage in p.get("stages") or []}
        self.land_whole(stream, pipelines)

    def _owners(self) -> None:
        active = self.api.owners("owners", archived=False)
        archived = self.api.owners("owners", archived=True)
        self.land_whole("owners", (owner for owners in (active, archived) for owner in owners))

    def _goals(self) -> None:
        """Goals as they are now; a portal of an edition without them answers that there is no such object."""
        try:
            self.land_whole(GOALS.name, list(self.api.every(GOALS)))
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
            self.land_whole("properties", rows)

    def _asked(self, spec: ObjectSpec) -> ObjectSpec:
        """What is asked of an object: of deals also what funnel.yml names."""
        return spec.with_asked(self.pull.asked) if spec is DEALS else spec

    def _late_properties(self, state: ObjectState) -> None:
        """Deals read before lack what funnel.yml names since: read just that, before anything else of this sync."""
        started, late = time.monotonic(), late_spec(DEALS, self.pull.asked, state.asked)
        if late is None:
            return
        with ExitStack() as stack:
            writer = self.write(stack, LATE, "full")
            for record in late_records(self.api, late):
                writer.write(record)
                self.pull.progress(self.source, LATE, writer.rows, len(state.live) + len(state.archived))
            self.commit(writer, started, details={"asked": list(late.properties), "history": list(late.history)})
        self.counted(LATE)

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
            writer = self.write(stack, spec.name, kind)
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
            counts = self.write(stack, "source_counts", "full")
            counts.write(
                {
                    "id": spec.name, "object": spec.name, "live": count.live, "archived": count.archived,
                    "bracket_low": count.low, "bracket_high": count.high, "counted_at": started.isoformat(),
                }
            )  # fmt: skip
            self.commit(counts, clock)
            resume = max(0, pull.began - round(OVERLAP.total_seconds() * 1000))
            self.commit(
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
        writer, held = self.write(stack, stream, pull.writer.kind), pull.state.links.get(stream)
        read, silent = set(pull.seen), 0
        for batch in chunks(sorted(read | set(pull.live_now()) if pull.sweep else read), ASSOCIATION_INPUTS):
            for sender, linked in self.api.associations(stream, spec.name, target, batch).items():
                record = {"id": sender, "to": linked}
                if int(sender) not in read:
                    told = self.pull.landing.admit(self.source, self.vendor.name, stream, record) or {}
                    if held is not None and held.get(int(sender)) == links_hash(told.get("to") or []):
                        continue
                    silent += 1
                writer.write(record)
        self.commit(writer, clock, details={"sweep": {"silent_changes": silent}} if pull.sweep else None)
        if silent:
            self.reports[stream].warnings += (f"silent change: links of {silent} {spec.name} changed, dates did not",)
        self.counted(stream)

    def _absences(self, stack: ExitStack, spec: ObjectSpec, pull: ObjectPull, kind: str, clock: float) -> None:
        """Purged records, dated by `absent_by`."""
        if not pull.absent:
            return
        writer = self.write(stack, "absences", kind)
        noticed = absent_by(instant(pull.began), self.pull.as_of).isoformat()
        for number in sorted(pull.absent):
            writer.write(
                {"id": f"{spec.name}:{number}", "object": spec.name, "object_id": str(number), "absent_by": noticed}
            )
        self.commit(writer, clock)


def _noticed(pull: ObjectPull) -> Iterator[str]:
    """What people should hear of an object's extraction, beside errors."""
    if pull.sweep and pull.sweep.silent:
        shown = ", ".join(str(number) for number in pull.sweep.silent[:SAMPLE])
        yield f"silent change: {len(pull.sweep.silent)} records changed, their dates did not ({shown} …); read again"
    if pull.sweep and (pull.sweep.missing or pull.sweep.surplus):
        yield f"weekly sweep: {len(pull.sweep.missing)} records were missing, {pull.sweep.surplus} gone at the source"
    if pull.differing:
        yield f"{len(pull.differing)} records differ from the end of their own history, also when read once more"

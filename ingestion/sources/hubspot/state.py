"""What earlier extractions left in raw, as the HubSpot extraction needs it: resume points and which ids are live.

Ids are kept in arrays of 8-byte integers, so that 200,000 records cost 2 MB.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ingestion.sources.hubspot.held import Held, is_due, links_hash, values_hash
from ingestion.sources.hubspot.objects import DEALS, OBJECTS, ObjectSpec
from ingestion.stream import Json, StateReader

OVERLAP = timedelta(hours=1)
"""How far behind the newest modification a sync starts again: covers the search index's lag and long walks."""
DAY = timedelta(days=1)
PATHS = ("$.archived", "$.archivedAt", "$.properties.hs_merged_object_ids", "$.properties.hs_calculated_merged_vids")


@dataclass
class ObjectState:
    """One object's past. Times are epoch milliseconds of the source's clock."""

    resume: int | None = None
    """Where the next incremental search begins; None = never synced, or what is asked for has changed: full sync."""
    high: int = 0
    began: int = 0
    live: array[int] = field(default_factory=lambda: array("q"))
    """Sorted ids that are live by all we know."""
    archived: dict[int, str] = field(default_factory=dict)
    recent: dict[int, int] = field(default_factory=dict)
    """{id: modification} of versions at or after `resume`: what the overlap need not read again."""
    swept: int | None = None
    """When everything was last looked at, whatever its dates said (a full sync counts as that)."""
    held: Held | None = None
    """Hashes of the live records' values, where the next look may be due; `links`: of their associations by stream."""
    links: dict[str, Held] = field(default_factory=dict)
    known: frozenset[str] = frozenset()
    """Names of the object's properties when last listed; empty where the list may not be read."""
    asked: dict[str, bool] = field(default_factory=dict)
    """{property of funnel.yml: with its history?} that every record known here was asked for."""

    def is_live(self, number: int) -> bool:
        """Whether the id was live when last seen."""
        position = bisect_left(self.live, number)
        return position < len(self.live) and self.live[position] == number


@dataclass
class Listing:
    """The newest landed list of property definitions: by record id, and when it was landed."""

    records: dict[str, Json] = field(default_factory=dict)
    landed_at: datetime | None = None
    sequence: int = -1

    def take(self, record_id: str, sequence: int, text: str) -> None:
        """A definition in its newest version and the window it came in: only those of the newest window are kept."""
        if sequence > self.sequence:
            self.sequence, self.records = sequence, {}
        if sequence == self.sequence:
            self.records[record_id] = json.loads(text)

    def is_old(self, now: datetime) -> bool:
        """Whether a day has passed, or nothing was landed yet."""
        return self.landed_at is None or now - self.landed_at >= DAY


@dataclass
class State:
    """A connection's past: objects by name, names of all properties ever listed by object, their newest list."""

    objects: dict[str, ObjectState] = field(default_factory=dict)
    properties: dict[str, set[str]] = field(default_factory=dict)
    listing: Listing = field(default_factory=Listing)


def read_state(reader: StateReader) -> State:
    """Read every object's state out of raw."""
    absent: dict[str, dict[int, int]] = {spec.name: {} for spec in OBJECTS}
    for _, sequence, kind, number in reader.newest("absences", ("$.object", "$.object_id")):
        if kind in absent and number.isdigit():
            absent[kind][int(number)] = sequence
    state = State()
    listed: dict[str, dict[str, int]] = {}
    state.listing.landed_at = (reader.last_window("properties") or {}).get("extracted_at")
    for record_id, sequence, kind, name, text in reader.newest("properties", ("$.object", "$.name", "$")):
        state.properties.setdefault(kind, set()).add(name)
        state.listing.take(record_id, sequence, text)
        listed.setdefault(kind, {})[name] = sequence
    for spec in OBJECTS:
        names = listed.get(spec.name, {})
        last = max(names.values(), default=0)
        known = frozenset(name for name, sequence in names.items() if sequence == last)
        if spec is DEALS:  # what funnel.yml names is not in every version landed before: the weekly look leaves it out
            known = known.intersection(spec.properties) or frozenset(spec.properties)
        state.objects[spec.name] = _object_state(reader, spec, absent[spec.name], known)
    return state


def _object_state(reader: StateReader, spec: ObjectSpec, absent: dict[int, int], known: frozenset[str]) -> ObjectState:
    window = reader.last_window(spec.name)
    if window is None:
        return ObjectState()
    asked_the_same = window.get("fingerprint") == fingerprint(spec)
    state = ObjectState(resume=window.get("resume_ms") if asked_the_same else None, high=window.get("high_ms") or 0)
    state.began, state.swept, state.known = window.get("began_ms") or 0, window.get("swept_ms"), known
    state.asked = dict(window.get("asked") or {})
    clock = None if reader.as_of is None else round(reader.as_of.timestamp() * 1000)
    looks = state.resume is not None and (clock is None or is_due(state.swept, clock))
    hashes: list[tuple[int, int]] = []
    merged: set[int] = set()
    live: list[int] = []
    paths = (*PATHS, f"$.properties.{spec.modified}", "$.updatedAt", *(["$.properties"] if looks else []))
    for record_id, sequence, archived, archived_at, losers, vids, modified, updated, *values in reader.newest(
        spec.name, paths
    ):
        if not record_id.isdigit():
            continue
        number = int(record_id)
        merged |= merged_ids(losers, vids) - {number}
        if archived == "true":
            state.archived[number] = archived_at or ""
        elif absent.get(number, -1) < sequence:
            live.append(number)
            if looks:
                hashes.append((number, values_hash(json.loads(values[0] or "{}"), known)))
            moved = milliseconds(modified) or milliseconds(updated) or 0
            if state.resume is not None and moved >= state.resume:
                state.recent[number] = moved
    state.archived = {n: at for n, at in state.archived.items() if n not in absent and n not in merged}
    state.live = array("q", sorted(number for number in live if number not in merged))
    if looks:
        state.held = Held(hashes)
        state.links = {stream: _links(reader, stream) for stream in spec.link_streams}
    return state


def _links(reader: StateReader, stream: str) -> Held:
    return Held(
        (int(record_id), links_hash(json.loads(links or "[]")))
        for record_id, _, links in reader.newest(stream, ("$.to",))
        if record_id.isdigit()
    )


def merged_ids(losers: str | None, vids: str | None = None) -> set[int]:
    """Ids that a survivor has swallowed: "11;22", for contacts also "11:1700000000000;22:…" (either may omit some)."""
    texts = [*(losers or "").split(";"), *(pair.split(":")[0] for pair in (vids or "").split(";"))]
    return {int(text) for text in map(str.strip, texts) if text.isdigit()}


def fingerprint(spec: ObjectSpec) -> str:
    """Changes when other properties or histories are asked for; then the object is read again in full."""
    asked = ",".join(sorted(spec.properties)) + "|" + ",".join(sorted(spec.history))
    return hashlib.sha256(asked.encode()).hexdigest()[:16]


def milliseconds(text: str | None) -> int | None:
    """Epoch milliseconds of an ISO instant or of a text of milliseconds; None where it is neither."""
    if not text:
        return None
    if text.isdigit():
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def instant(value: int | None) -> datetime | None:
    """UTC instant of epoch milliseconds."""
    return None if not value else datetime.fromtimestamp(value / 1000, UTC)

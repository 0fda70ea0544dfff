"""What earlier extractions left in raw, as the Salesforce extraction needs it: resume points, what is held of each id.

An id is a text whose letters' case counts. Of compared objects every id is held with its date (about 200 bytes each).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ingestion.instants import moment
from ingestion.sources.salesforce.objects import FOLLOWED, ObjectSpec
from ingestion.sources.salesforce.times import milliseconds
from ingestion.stream import Json, StateReader

OVERLAP = timedelta(minutes=10)
"""How far behind a sync's beginning the next one starts: what is written becomes visible some minutes late."""
SETTLED = timedelta(seconds=2)
"""Dates are whole seconds: a record read within so long of its date may change once more under the same one."""
DAY = timedelta(days=1)


@dataclass
class Followed:
    """One object's past."""

    resume: datetime | None = None
    """Where the next incremental query begins; None: never synced."""
    asked: str = ""
    """Fingerprint of what was asked for; where it is another now, everything is read again."""
    high: datetime | None = None
    swept: datetime | None = None
    """When all ids were last compared (a full sync counts as that)."""
    withheld: int = 0
    """Records that the source holds and that may not be landed (forgotten people), when last compared."""
    recent: dict[str, int] = field(default_factory=dict)
    """{id: date} of versions in the overlap, which need not be landed again."""
    live: dict[str, int] = field(default_factory=dict)
    """{id: date} of the records that are there by all we know; only of compared objects."""
    deleted: set[str] = field(default_factory=set)


@dataclass
class State:
    """A connection's past: objects by stream; the newest list of Opportunity's fields and when it was landed."""

    followed: dict[str, Followed] = field(default_factory=dict)
    fields: dict[str, Json] = field(default_factory=dict)
    fields_at: datetime | None = None
    as_of: datetime | None = None


def read_state(reader: StateReader) -> State:
    """State of one connection."""
    state = State(as_of=reader.as_of)
    absent: dict[str, dict[str, int]] = {}
    for _, sequence, objects, id in reader.newest("absences", ("$.object", "$.object_id")):
        absent.setdefault(objects, {})[id] = sequence
    for spec in FOLLOWED:
        if window := reader.last_window(spec.stream):
            state.followed[spec.stream] = _followed(reader, spec, window, absent.get(spec.counted_as, {}))
    if window := reader.last_window("fields"):
        state.fields_at = window["extracted_at"]
        newest = list(reader.newest("fields", ("$",)))
        last = max((sequence for _, sequence, _ in newest), default=0)
        state.fields = {id: json.loads(text) for id, sequence, text in newest if sequence == last}
    return state


def _followed(reader: StateReader, spec: ObjectSpec, window: Any, absent: dict[str, int]) -> Followed:
    past = Followed(
        moment(window.get("resume")), window.get("asked") or "", moment(window.get("high")),
        moment(window.get("swept")), window.get("withheld") or 0,
    )  # fmt: skip
    if past.resume is None:
        return past
    overlap = round(past.resume.timestamp() * 1000)
    settled = overlap + round((OVERLAP - SETTLED).total_seconds() * 1000)
    for id, sequence, at, deleted in reader.newest(spec.stream, (f"$.{spec.cursor}", "$.IsDeleted")):
        date = milliseconds(at) or 0
        if overlap <= date < settled:
            past.recent[id] = date
        if not spec.counted_as or absent.get(id, -1) >= sequence:
            continue
        if deleted == "true":
            past.deleted.add(id)
        else:
            past.live[id] = date
    return past


def fingerprint(fields: Sequence[str], where: str) -> str:
    """Changes when something else is asked for, or another field may be seen."""
    return hashlib.sha256("|".join([*sorted(fields), where]).encode()).hexdigest()[:16]


def is_old(state: State, clock: datetime) -> bool:
    """Whether the list of fields was landed a day ago, or never."""
    return state.fields_at is None or clock - state.fields_at >= DAY

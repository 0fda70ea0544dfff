"""Streams whose past a source still changes: what is asked for again at each run, and what of it is new and landed.

A part says how a stream is read:
- Daily: figures a day. Vendors restate the last weeks: these are read again at every run; a record is landed when it is
  new or says something else than before. It is the vendor's own row with three keys in front: `id` ("<what>:<day>"),
  `campaign_id` and `date` (a day of the account). One that the vendor has no longer (all its cost credited) becomes
  `{"id", "campaign_id", "date", "is_gone": true}`.
- Changing: records with an instant `at` that are read from some time before the newest one on, landed as Daily's are.
- Whole: a list, landed whole when it changed.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import orjson

from ingestion.close import midnight
from ingestion.errors import RateLimited
from ingestion.redaction import redact
from ingestion.stream import Json, StateReader, Stream
from ingestion.units import Units, content_hash

FULL_DAYS = 1_125
"""Days that a full extraction goes back: 37 months, which every vendor still has."""


@dataclass(frozen=True)
class Daily:
    """Figures of days. `fetch`: (first day, last day), both included → records, in any order."""

    fetch: Callable[[date, date], Iterator[Json]]
    restated_days: int
    """Days before the newest one that the vendor still changes."""
    slice_days: int
    """Days asked for at once."""
    full_days: int = FULL_DAYS


@dataclass(frozen=True)
class Changing:
    """Records with an instant. `fetch`: since when, None for all → records."""

    fetch: Callable[[datetime | None], Iterator[Json]]
    reread_days: int


@dataclass(frozen=True)
class Whole:
    """A list. `fetch` → its records."""

    fetch: Callable[[], Iterable[Json]]


Part = Daily | Changing | Whole


@dataclass(frozen=True)
class Held:
    """What was landed, by stream: a hash of each record's newest version, the newest day or instant, the list."""

    rows: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    newest: Mapping[str, str] = field(default_factory=dict)
    listings: Mapping[str, str | None] = field(default_factory=dict)


def read_state(reader: StateReader, streams: Sequence[Stream]) -> Held:
    """Hashes of what is in raw. Every row is read: figures a campaign and day are few."""
    rows: dict[str, dict[str, str]] = {}
    newest: dict[str, str] = {}
    for name in (stream.name for stream in streams):
        rows[name] = {}
        for record_id, _, text in reader.newest(name, ("$",)):
            record = json.loads(text)
            rows[name][record_id] = content_hash(record)
            newest[name] = max(newest.get(name, ""), str(record.get("date") or record.get("at") or ""))
    listings = {s.name: (reader.last_window(s.name) or {}).get("listing") for s in streams}
    return Held(rows, newest, listings)


def span(newest: date | None, part: Daily, full: bool, today: date) -> tuple[date, date]:
    """First and last day to ask for. Tomorrow is in it: an account may be ahead of UTC."""
    last = max(today, newest or today) + timedelta(days=1)
    if full or newest is None:
        return last - timedelta(days=part.full_days), last
    return newest - timedelta(days=part.restated_days), last


def slices(first: date, last: date, days: int) -> Iterator[tuple[date, date]]:
    """The span in pieces of at most so many days, both ends included."""
    while first <= last:
        end = min(last, first + timedelta(days=days - 1))
        yield first, end
        first = end + timedelta(days=1)


def land(units: Units, stream: str, part: Part, held: Held) -> None:
    """What is new of a stream, read as its part says."""
    if isinstance(part, Whole):
        _land_whole(units, stream, part, held)
        return
    known, newest, full = held.rows.get(stream, {}), held.newest.get(stream) or None, units.pull.full
    units.reports[stream].kind = "full" if full or newest is None else "incremental"
    if isinstance(part, Changing):
        since = datetime.fromisoformat(newest) - timedelta(days=part.reread_days) if newest and not full else None
        _land_rows(units, stream, [(part.fetch(since), None)], known)
        return
    today = max(filter(None, (units.pull.as_of, datetime.now(UTC)))).date()
    first, last = span(date.fromisoformat(newest) if newest else None, part, full, today)
    pieces = ((part.fetch(*piece), piece) for piece in slices(first, last, part.slice_days))
    _land_rows(units, stream, pieces, known)


def _land_rows(
    units: Units,
    stream: str,
    pieces: Iterable[tuple[Iterable[Json], tuple[date, date] | None]],
    known: Mapping[str, str],
) -> None:
    """One window of what is new or otherwise, piece by piece: (records, days that were asked for).

    What is known of those days and not among them is gone. An allowance that is used up ends it after the last piece
    that was whole: that is landed, and the error raised.
    """
    started, report, newest, ended = time.monotonic(), units.reports[stream], "", None
    first: date | None = None
    with ExitStack() as stack:
        writer = units.write(stack, stream, report.kind)
        for rows, days in pieces:
            try:
                records = [redact(row, units.vendor.stream(stream).personal, units.pull.pii_key) for row in rows]
            except RateLimited as error:
                ended = error
                break
            first = first or (days[0] if days else None)
            newest = max([newest, *(str(record.get("date") or record.get("at") or "") for record in records)])
            for record in (*records, *_gone(known, {record["id"] for record in records}, days)):
                if units.pull.full or known.get(record["id"]) != content_hash(record):
                    writer.write(record)
            units.pull.progress(units.source, stream, writer.rows, None)
        if writer.rows:
            reached = midnight(date.fromisoformat(newest[:10]), "UTC") if newest else None
            units.commit(writer, started, from_at=midnight(first, "UTC") if first else None, to_at=reached)
    if ended:
        raise ended


def _gone(known: Mapping[str, str], seen: set[str], days: tuple[date, date] | None) -> Iterator[Json]:
    """Records of rows of these days that are known and were not seen again."""
    for key in known if days else ():
        campaign, day = key.rsplit(":", 1)
        if key not in seen and days and days[0].isoformat() <= day <= days[1].isoformat():
            yield {"id": key, "campaign_id": campaign, "date": day, "is_gone": True}


def _land_whole(units: Units, stream: str, part: Whole, held: Held) -> None:
    units.reports[stream].kind = "full"
    records = sorted(part.fetch(), key=lambda record: str(record["id"]))
    listing = hashlib.sha256(b"".join(orjson.dumps(r, option=orjson.OPT_SORT_KEYS) for r in records)).hexdigest()
    if listing != held.listings.get(stream) or units.pull.full:
        units.land_whole(stream, records, {"listing": listing})

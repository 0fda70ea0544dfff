"""What marketing sources share: which days are asked for again, what of them is new and landed, how they are declared.

A vendor's module gives an Api: its client, its accounts, and a part for each stream. A part is one of
- Daily: figures a day. Vendors restate the last weeks: these are read again at every run; a record is landed when it
  is new or says something else than before. It is the vendor's own row with three keys in front: `id` ("<what>:<day>"),
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
from typing import Any

import orjson

from ingestion.client import Client, Dialect
from ingestion.close import midnight
from ingestion.errors import CorruptResponse, SourceError
from ingestion.redaction import redact
from ingestion.settings import Connection
from ingestion.stream import CheckResult, Credential, Json, Pull, StateReader, Stream, StreamReport, Vendor
from ingestion.units import Units, content_hash

DAYS, CAMPAIGNS, SESSIONS, EMAILS, TOUCHES = "campaign_days", "campaigns", "session_days", "email_campaigns", "touches"
"""Streams, and the names of the staging models that marts are made of."""
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


class Api:
    """One connection's requests; a vendor's module derives its own."""

    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self.connection, self.source = connection, connection.name
        self.client = Client(connection.name, connection.base_url, dialect)

    def secret(self, name: str) -> str:
        """A credential's text, empty where it is not set."""
        found = self.connection.credentials.get(name)
        return found.reveal() if found else ""

    def parts(self) -> Mapping[str, Part]:
        """{stream: how it is read}."""
        raise NotImplementedError

    def named(self) -> Iterable[tuple[str, str]]:
        """(name, what is worth knowing) of each account that is read, for `funnel check`."""
        raise NotImplementedError


@dataclass(frozen=True)
class Held:
    """What was landed, by stream: a hash of each record's newest version, the newest day or instant, the list."""

    rows: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    newest: Mapping[str, str] = field(default_factory=dict)
    listings: Mapping[str, str | None] = field(default_factory=dict)


def streams(title: str) -> tuple[Stream, ...]:
    """The streams of every vendor of advertising figures."""
    return (
        Stream(CAMPAIGNS, f"{title}: campaigns, removed ones too; the whole list when it changed"),
        Stream(DAYS, f"{title}: figures a campaign and day; a row when it is new or was restated"),
    )


def lead_forms(title: str, scope: str) -> Stream:
    """Submissions of a vendor's own lead forms: id, at, campaign_id, form_id, who (hashed)."""
    told = f"{title}: submissions of its lead forms, without what people wrote in them"
    return Stream(TOUCHES, told, scope=scope, optional=True, personal={"email": "email_hash"})


def vendor(
    *,
    name: str,
    title: str,
    base_url: str,
    credentials: tuple[Credential, ...],
    streams: tuple[Stream, ...],
    api: Callable[[Connection], Api],
    **more: Any,
) -> Vendor:
    """A marketing source's declaration. Its staging models are named after its streams."""
    made = Vendor(
        name, title, base_url, credentials, streams,
        read_state=lambda reader: read_state(reader, streams),
        extract=lambda pull: extract(pull, made, api(pull.connection)),
        check=lambda connection, asked: check(api(connection), streams),
        gives_deals=False, gives=frozenset(stream.name for stream in streams), **more,
    )  # fmt: skip
    return made


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


def extract(pull: Pull, vendor: Vendor, api: Api) -> list[StreamReport]:
    """Every stream, one after the other; a failure is in its report and leaves nothing of its window."""
    held: Held = pull.state or Held()
    with api.client:
        units, parts = Units(vendor, pull, api.client), api.parts()
        for stream in vendor.streams:
            units.guarded(stream.name, lambda name=stream.name: _land(units, name, parts[name], held))  # type: ignore[misc]
    return list(units.reports.values())


def check(api: Api, streams: Sequence[Stream]) -> list[CheckResult]:
    """A line an account, and one for each stream that not every token may read."""
    found = []
    with api.client:
        try:
            found = [CheckResult(api.source, f"account {name}", True, told) for name, told in api.named()]
        except SourceError as error:
            return [CheckResult(api.source, "accounts", False, f"{error.message}. {error.guidance}", error.scope)]
        for stream in (stream for stream in streams if stream.optional):
            part, began = api.parts()[stream.name], datetime.now(UTC)
            try:
                if isinstance(part, Changing):
                    next(iter(part.fetch(began)), None)
                found.append(CheckResult(api.source, stream.name, True, "may be read", stream.scope))
            except SourceError as error:
                told = f"{error.message}. {error.guidance}"
                found.append(CheckResult(api.source, stream.name, False, told, error.scope or stream.scope))
    return found


def day_record(row: Json, source: str, campaign: Callable[[Json], str], day: Callable[[Json], str]) -> Json:
    """A row of figures as it is landed. Errors: CorruptResponse where it does not say what it is about."""
    try:
        key, at = campaign(row), date.fromisoformat(day(row)).isoformat()
    except (KeyError, IndexError, TypeError, ValueError):
        raise CorruptResponse(
            source, DAYS, "a row without account, campaign or date", record=str(row)[:200],
            guidance="Nothing of this window was landed; what is known goes on to be used. Run again later.",
        ) from None  # fmt: skip
    return {"id": f"{key}:{at}", "campaign_id": key, "date": at, **row}


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


def _land(units: Units, stream: str, part: Part, held: Held) -> None:
    if isinstance(part, Whole):
        _land_whole(units, stream, part, held)
        return
    known, newest, full = held.rows.get(stream, {}), held.newest.get(stream) or None, units.pull.full
    units.reports[stream].kind = "full" if full or newest is None else "incremental"
    if isinstance(part, Changing):
        since = datetime.fromisoformat(newest) - timedelta(days=part.reread_days) if newest and not full else None
        _land_rows(units, stream, part.fetch(since), known, None)
        return
    today = max(filter(None, (units.pull.as_of, datetime.now(UTC)))).date()
    first, last = span(date.fromisoformat(newest) if newest else None, part, full, today)
    rows = (row for since, until in slices(first, last, part.slice_days) for row in part.fetch(since, until))
    _land_rows(units, stream, rows, known, first)


def _land_rows(units: Units, stream: str, rows: Iterable[Json], known: Mapping[str, str], first: date | None) -> None:
    """One window of what is new or otherwise. `first`: day from which on all were asked for: others are gone."""
    pull, started, personal = units.pull, time.monotonic(), units.vendor.stream(stream).personal
    seen, latest = set(), ""
    with ExitStack() as stack:
        writer = units.write(stack, stream, units.reports[stream].kind)
        for record in (redact(row, personal, pull.pii_key) for row in rows):
            seen.add(record["id"])
            latest = max(latest, str(record.get("date") or record.get("at") or ""))
            if pull.full or known.get(record["id"]) != content_hash(record):
                writer.write(record)
                pull.progress(units.source, stream, writer.rows, None)
        for key in (key for key in known if first and key not in seen and first.isoformat() <= key.rsplit(":", 1)[-1]):
            campaign, day = key.rsplit(":", 1)
            record = {"id": key, "campaign_id": campaign, "date": day, "is_gone": True}
            if known[key] != content_hash(record):
                writer.write(record)
        if writer.rows:
            reached = midnight(date.fromisoformat(latest[:10]), "UTC") if latest else None
            units.commit(writer, started, from_at=midnight(first, "UTC") if first else None, to_at=reached)


def _land_whole(units: Units, stream: str, part: Whole, held: Held) -> None:
    units.reports[stream].kind = "full"
    records = sorted(part.fetch(), key=lambda record: str(record["id"]))
    listing = hashlib.sha256(b"".join(orjson.dumps(r, option=orjson.OPT_SORT_KEYS) for r in records)).hexdigest()
    if listing != held.listings.get(stream) or units.pull.full:
        units.land_whole(stream, records, {"listing": listing})

"""What sources of advertising figures share: which days are asked for again, what of them is new and landed.

A record of `campaign_days` is the vendor's own row with three keys in front: `id` ("<campaign>:<day>"), `campaign_id`
and `date` (a day of the ad account). Vendors restate the last weeks: these are read again at every run, and a row is
landed when it is new or says something else than before. A row that the vendor no longer has (all its cost credited) is
landed as `{"id", "campaign_id", "date", "is_gone": true}`. Campaigns are landed whole when their list changed.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import orjson

from ingestion.client import Client
from ingestion.close import midnight
from ingestion.stream import Json, Pull, StateReader, Stream, StreamReport, Vendor
from ingestion.units import Units, content_hash

DAYS, CAMPAIGNS = "campaign_days", "campaigns"
FULL_DAYS = 1_125
"""Days that a full extraction goes back: 37 months, which every vendor still has."""


@dataclass(frozen=True)
class Held:
    """What was landed before: the newest day, a hash of each row's newest version, the list of campaigns."""

    newest: date | None = None
    rows: Mapping[str, str] = field(default_factory=dict)
    listing: str | None = None


@dataclass(frozen=True)
class Account:
    """What a vendor's module gives for one connection."""

    client: Client
    restated_days: int
    """Days before the newest one that the vendor still changes."""
    slice_days: int
    """Days asked for at once."""
    days: Callable[[date, date], Iterator[Json]]
    """(first day, last day), both included → records of campaign_days, in any order."""
    campaigns: Callable[[], Iterable[Json]]


def streams(title: str) -> tuple[Stream, ...]:
    """The streams of every vendor of advertising figures."""
    return (
        Stream(DAYS, f"{title}: figures a campaign and day; a row when it is new or was restated"),
        Stream(CAMPAIGNS, f"{title}: campaigns, removed ones too; the whole list when it changed"),
    )


def read_state(reader: StateReader) -> Held:
    """Hashes of what is in raw. Every row is read: figures a campaign and day are few."""
    rows: dict[str, str] = {}
    newest = ""
    for record_id, _, record in reader.newest(DAYS, ("$",)):
        rows[record_id] = content_hash(json.loads(record))
        newest = max(newest, record_id.rsplit(":", 1)[-1])
    listing = (reader.last_window(CAMPAIGNS) or {}).get("listing")
    return Held(date.fromisoformat(newest) if newest else None, rows, listing)


def extract(pull: Pull, vendor: Vendor, account: Account) -> list[StreamReport]:
    """Both streams, one after the other; a failure is in its report and leaves nothing of its window."""
    held: Held = pull.state or Held()
    units = Units(vendor, pull, account.client)
    units.guarded(CAMPAIGNS, lambda: _land_campaigns(units, account, held))
    units.guarded(DAYS, lambda: _land_days(units, account, held))
    return list(units.reports.values())


def span(held: Held, restated_days: int, full: bool, today: date) -> tuple[date, date]:
    """First and last day to ask for. Tomorrow is in it: an account may be ahead of UTC."""
    last = max(today, held.newest or today) + timedelta(days=1)
    if full or held.newest is None:
        return last - timedelta(days=FULL_DAYS), last
    return held.newest - timedelta(days=restated_days), last


def slices(first: date, last: date, days: int) -> Iterator[tuple[date, date]]:
    """The span in pieces of at most so many days, both ends included."""
    while first <= last:
        end = min(last, first + timedelta(days=days - 1))
        yield first, end
        first = end + timedelta(days=1)


def _land_days(units: Units, account: Account, held: Held) -> None:
    pull, started = units.pull, time.monotonic()
    full = pull.full or held.newest is None
    units.reports[DAYS].kind = "full" if full else "incremental"
    today = max(filter(None, (pull.as_of, datetime.now(UTC)))).date()
    first, last = span(held, account.restated_days, full, today)
    seen: set[str] = set()
    with ExitStack() as stack:
        writer = units.write(stack, DAYS, units.reports[DAYS].kind)
        for since, until in slices(first, last, account.slice_days):
            for record in account.days(since, until):
                seen.add(record["id"])
                if pull.full or held.rows.get(record["id"]) != content_hash(record):
                    writer.write(record)
                    pull.progress(units.source, DAYS, writer.rows, None)
        gone = [key for key in held.rows if key not in seen and first.isoformat() <= key.rsplit(":", 1)[-1]]
        for key in gone:
            campaign, day = key.rsplit(":", 1)
            record = {"id": key, "campaign_id": campaign, "date": day, "is_gone": True}
            if held.rows[key] != content_hash(record):
                writer.write(record)
        if writer.rows:
            newest = date.fromisoformat(max(day.rsplit(":", 1)[-1] for day in (*seen, *held.rows)))
            units.commit(writer, started, from_at=midnight(first, "UTC"), to_at=midnight(newest, "UTC"))


def _land_campaigns(units: Units, account: Account, held: Held) -> None:
    units.reports[CAMPAIGNS].kind = "full"
    records = sorted(account.campaigns(), key=lambda record: str(record["id"]))
    listing = hashlib.sha256(b"".join(orjson.dumps(r, option=orjson.OPT_SORT_KEYS) for r in records)).hexdigest()
    if listing != held.listing or units.pull.full:
        units.land_whole(CAMPAIGNS, records, {"listing": listing})

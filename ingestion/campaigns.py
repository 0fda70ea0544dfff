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
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson

from ingestion.client import Client
from ingestion.errors import SourceError
from ingestion.stream import Json, Pull, StateReader, Stream, StreamReport

DAYS, CAMPAIGNS = "campaign_days", "campaigns"
_EVER = datetime.min.replace(tzinfo=UTC)
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
        rows[record_id] = _hash(json.loads(record))
        newest = max(newest, record_id.rsplit(":", 1)[-1])
    listing = (reader.last_window(CAMPAIGNS) or {}).get("listing")
    return Held(date.fromisoformat(newest) if newest else None, rows, listing)


def extract(pull: Pull, vendor: str, account: Account) -> list[StreamReport]:
    """Both streams, one after the other; a failure is in its report and leaves nothing of its window."""
    held: Held = pull.state or Held()
    units = {
        CAMPAIGNS: lambda report: _land_campaigns(pull, account, held, report),
        DAYS: lambda report: _land_days(pull, account, held, report),
    }
    reports = []
    for stream, unit in units.items():
        started, report = time.monotonic(), StreamReport(pull.connection.name, vendor, stream)
        try:
            unit(report)
        except SourceError as error:
            report.error = error
        except OSError as error:
            report.error = SourceError(
                report.source, stream, f"could not be landed: {error.strerror or error}",
                "Free disk space or make FUNNEL_HOME writable, then run again; nothing of this window counts.",
            )  # fmt: skip
        counts = account.client.counts(stream)
        report.requests, report.retries, report.seconds = counts.requests, counts.retries, time.monotonic() - started
        reports.append(report)
    return reports


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


def _land_days(pull: Pull, account: Account, held: Held, report: StreamReport) -> None:
    full = pull.full or held.newest is None
    report.kind = "full" if full else "incremental"
    first, last = span(held, account.restated_days, full, max(pull.as_of or _EVER, datetime.now(UTC)).date())
    seen: set[str] = set()
    with pull.landing.write(report.source, report.vendor, DAYS, report.kind) as writer:
        for since, until in slices(first, last, account.slice_days):
            for record in account.days(since, until):
                seen.add(record["id"])
                if pull.full or held.rows.get(record["id"]) != _hash(record):
                    writer.write(record)
                    pull.progress(report.source, DAYS, writer.rows, None)
        gone = [key for key in held.rows if key not in seen and first.isoformat() <= key.rsplit(":", 1)[-1]]
        for key in gone:
            campaign, day = key.rsplit(":", 1)
            record = {"id": key, "campaign_id": campaign, "date": day, "is_gone": True}
            if held.rows[key] != _hash(record):
                writer.write(record)
        if not writer.rows:
            return
        newest = max([day.rsplit(":", 1)[-1] for day in (*seen, *held.rows)])
        counts = account.client.counts(DAYS)
        window = writer.commit(
            from_at=_midnight(first), to_at=_midnight(date.fromisoformat(newest)),
            requests=counts.requests, retries=counts.retries,
        )  # fmt: skip
    report.window_id, report.rows = window.window_id, window.rows
    report.from_at, report.to_at = window.from_at, window.to_at


def _land_campaigns(pull: Pull, account: Account, held: Held, report: StreamReport) -> None:
    report.kind = "full"
    records = sorted(account.campaigns(), key=lambda record: str(record["id"]))
    listing = hashlib.sha256(b"".join(orjson.dumps(r, option=orjson.OPT_SORT_KEYS) for r in records)).hexdigest()
    if listing == held.listing and not pull.full:
        return
    counts = account.client.counts(CAMPAIGNS)
    with pull.landing.write(report.source, report.vendor, CAMPAIGNS, "full") as writer:
        for record in records:
            writer.write(record)
        window = writer.commit(requests=counts.requests, retries=counts.retries, details={"listing": listing})
    report.window_id, report.rows = window.window_id, window.rows


def _hash(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(record, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), UTC)

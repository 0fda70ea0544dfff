"""What sources of daily exchange rates share: how they are asked, what a day looks like, what of it is new and landed.

A record is one day: `{"id": "2026-11-23", "rates": [{"currency": "USD", "nominal": "1", "value": "1.1572"}, …]}`,
figures as the bank writes them. Days are the bank's own. A day is landed when it is new or says something else than
before; the newest window's details hold the newest day and hashes of the last days, so that nothing else is asked of
the warehouse.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation

import requests

from ingestion.client import Client
from ingestion.close import midnight
from ingestion.errors import CorruptResponse, SourceError
from ingestion.settings import Connection
from ingestion.stream import CheckResult, Json, Pull, StateReader, Stream, StreamReport, Vendor
from ingestion.units import Units, content_hash

STREAM = "daily_rates"
FIRST_DAY = date(2010, 1, 1)
"""Nothing that is sold today was closed before."""
OVERLAP = 10
"""Days that are looked at again, for a bank may correct itself."""
QUIET = 14
"""Days after which a bank that lists nothing new is told of: holidays are shorter."""


@dataclass(frozen=True)
class Held:
    """What was landed before: the newest day, and a hash of each of the last days."""

    newest: date | None = None
    recent: Mapping[str, str] = field(default_factory=dict)


@dataclass
class BankDialect:
    """client.Dialect of a bank's public files: no credential. No limit is published; ten a second are said to pass."""

    rates: Mapping[str, tuple[int, float]] = field(default_factory=lambda: {"requests": (5, 1.0)})

    def headers(self) -> Mapping[str, str]:
        # One of the banks turns away clients that do not say who they are.
        return {"Accept": "*/*", "User-Agent": "Mozilla/5.0 (compatible; funnel)"}

    def pace(self, method: str, path: str) -> str:
        return "requests"

    def announced(self, headers: Mapping[str, str]) -> tuple[str, int, float] | None:
        return None

    def wait_asked(self, response: requests.Response) -> float | None:
        asked = response.headers.get("Retry-After", "")
        return float(asked) if asked.isdigit() else None

    def refusal(self, response: requests.Response, source: str, stream: str, url: str) -> SourceError:
        return SourceError(
            source, stream, f"HTTP {response.status_code}", url=url,
            guidance="Nothing was landed; the days that are known go on to be used. Run again later.",
        )  # fmt: skip


Fetch = Callable[[Client, Held, bool], Iterable[Json]]
"""(client, what is held, everything?) → day records, in any order; a day may come twice."""


def read_state(reader: StateReader) -> Held:
    """What the newest landed window says of itself."""
    details = reader.last_window(STREAM) or {}
    newest = details.get("newest")
    return Held(date.fromisoformat(newest) if newest else None, details.get("recent") or {})


def extract(pull: Pull, vendor: Vendor, fetch: Fetch) -> list[StreamReport]:
    """Land the days that are new or changed as one window, or nothing. A failure is in the report."""
    with Client(pull.connection.name, pull.connection.base_url, BankDialect()) as client:
        units = Units(vendor, pull, client)
        units.guarded(STREAM, lambda: _land(units, pull.state or Held(), fetch))
        return list(units.reports.values())


def _land(units: Units, held: Held, fetch: Fetch) -> None:
    pull, report, started = units.pull, units.reports[STREAM], time.monotonic()
    report.kind = "full" if pull.full or held.newest is None else "incremental"
    days = {str(record["id"]): record for record in fetch(units.client, held, report.kind == "full")}
    newest = max([*map(date.fromisoformat, days), *([held.newest] if held.newest else [])], default=None)
    if newest is None:
        raise CorruptResponse(report.source, STREAM, "not one day with rates was listed", "Run again later.")
    if pull.as_of and (quiet := (pull.as_of.date() - newest).days) > QUIET:
        report.warnings += (f"the newest rates are of {newest}, {quiet} days before as-of",)
    hashes = {day: content_hash(record) for day, record in days.items()}
    fresh = [day for day in sorted(days) if report.kind == "full" or held.recent.get(day) != hashes[day]]
    pull.progress(report.source, STREAM, len(fresh), len(fresh))
    if not fresh:
        return
    since = (newest - timedelta(days=OVERLAP)).isoformat()
    recent = {day: found for day, found in {**held.recent, **hashes}.items() if day >= since}
    with ExitStack() as stack:
        writer = units.write(stack, STREAM, report.kind)
        for day in fresh:
            writer.write(days[day])
        units.commit(
            writer, started,
            from_at=midnight(date.fromisoformat(fresh[0]), "UTC"), to_at=midnight(newest, "UTC"),
            details={"newest": newest.isoformat(), "recent": recent},
        )  # fmt: skip


def bank(name: str, title: str, base_url: str, about: str, fetch: Fetch, newest: Callable[[Client], Json]) -> Vendor:
    """A bank as a vendor. about: what its stream holds; fetch: its days; newest: its newest day, for `funnel check`."""
    made = Vendor(
        name=name,
        title=title,
        base_url=base_url,
        credentials=(),
        streams=(Stream(STREAM, about),),
        read_state=read_state,
        extract=lambda pull: extract(pull, made, fetch),
        check=lambda connection, asked: check(connection, newest),
        is_reference=True,
    )
    return made


def is_positive(text: str) -> bool:
    """Whether a text is a positive number with a decimal point."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return False
    return value.is_finite() and value > 0


def check(connection: Connection, newest: Callable[[Client], Json]) -> list[CheckResult]:
    """One line of `funnel check`: how many currencies the newest day has."""
    with Client(connection.name, connection.base_url, BankDialect()) as client:
        try:
            record = newest(client)
            return [CheckResult(connection.name, STREAM, True, f"{len(record['rates'])} currencies on {record['id']}")]
        except SourceError as error:
            return [CheckResult(connection.name, STREAM, False, f"{error.message}. {error.guidance}")]


def day_record(day: str, quotes: Mapping[str, tuple[str, str]]) -> Json:
    """A day as it is landed. `quotes`: {currency: (nominal, value)}."""
    rates = [{"currency": c, "nominal": nominal, "value": value} for c, (nominal, value) in sorted(quotes.items())]
    return {"id": day, "rates": rates}


def corrupt(source: str, what: str, day: str | None = None) -> CorruptResponse:
    """A payload that cannot be read, with the day that it is about; nothing of it is landed."""
    return CorruptResponse(
        source, STREAM, what, record=day,
        guidance="Nothing of this answer was landed; the days that are known go on to be used. Run again later.",
    )  # fmt: skip

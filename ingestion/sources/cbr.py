"""Bank of Russia: official rates of each day, roubles for `Nominal` units of a currency. No credential.

Facts: cbr.ru/development/SXML. XML in windows-1251 with decimal commas. XML_daily.asp answers with all currencies of
the last day up to the one asked for (`Date` says which; without a date the newest, maybe tomorrow), XML_dynamic.asp
with all days of one currency, each with its own nominal. Sundays, Mondays and holidays have none. Asked too often or
from strange places, the site's guard answers with a web page instead.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

from ingestion.client import Client
from ingestion.errors import CorruptResponse
from ingestion.exchange import FIRST_DAY, OVERLAP, STREAM, Held, bank, corrupt, day_record, is_positive
from ingestion.stream import Json

BASE_URL = "https://www.cbr.ru/scripts"
DAY_BY_DAY = 31
"""Days that are asked for one by one; beyond, currency by currency is fewer requests."""
MOST_BYTES = 16_000_000


@dataclass(frozen=True)
class Day:
    """One day's list. `ids`: {currency: the bank's id of it}."""

    day: date
    quotes: Mapping[str, tuple[str, str]]
    ids: Mapping[str, str]

    def record(self) -> Json:
        return day_record(self.day.isoformat(), self.quotes)


def fetch(client: Client, held: Held, full: bool) -> Iterator[Json]:
    """The newest day in one request; where it is new, the days since the newest known one with an overlap as well."""
    last = daily(client)
    if full or held.newest is None:
        yield from history(client, last, FIRST_DAY)
    elif last.day > held.newest:
        since = held.newest - timedelta(days=OVERLAP)
        if (last.day - since).days > DAY_BY_DAY:
            yield from history(client, last, since)
        else:
            yield from one_by_one(client, since, last.day)
    yield last.record()


def newest(client: Client) -> Json:
    """The newest day."""
    return daily(client).record()


def one_by_one(client: Client, since: date, until: date) -> Iterator[Json]:
    """Each listed day from `since` up to `until`, backwards: an answer tells how far the next one lies back."""
    while (before := until - timedelta(days=1)) >= since:
        found = daily(client, before)
        if found.day > before:
            raise corrupt(client.source, f"the list of {before} is of a later day", found.day.isoformat())
        if found.day >= since:
            yield found.record()
        until = found.day


def history(client: Client, listed: Day, since: date) -> Iterator[Json]:
    """Days since `since` of every currency that is listed now, currency by currency."""
    days: dict[str, dict[str, tuple[str, str]]] = defaultdict(dict)
    for currency, number in listed.ids.items():
        if not number:
            raise corrupt(client.source, f"currency {currency} has no id", listed.day.isoformat())
        root = _ask(client, "/XML_dynamic.asp", date_req1=since, date_req2=listed.day, VAL_NM_RQ=number)
        for record in root.iter("Record"):
            day = _day(client.source, record.get("Date"))
            days[day.isoformat()][currency] = _quote(client.source, record, currency, day)
    for day_, quotes in days.items():
        yield day_record(day_, quotes)


def daily(client: Client, day: date | None = None) -> Day:
    """The list of a day, or of the last one before it; without a day the newest. Errors: CorruptResponse."""
    root = _ask(client, "/XML_daily.asp", date_req=day)
    found = _day(client.source, root.get("Date"))
    quotes: dict[str, tuple[str, str]] = {}
    ids: dict[str, str] = {}
    for entry in root.iter("Valute"):
        currency = (entry.findtext("CharCode") or "").strip()
        if len(currency) != 3 or currency in quotes:
            raise corrupt(client.source, f"currency '{currency}' is no code or is there twice", found.isoformat())
        quotes[currency] = _quote(client.source, entry, currency, found)
        ids[currency] = entry.get("ID") or ""
    if not quotes:
        raise corrupt(client.source, "the list of a day has no currency", found.isoformat())
    return Day(found, quotes, ids)


def _ask(client: Client, path: str, **asked: Any) -> ElementTree.Element:
    """The answer's root. Errors: CorruptResponse with the day asked for, at once for a page of the site's guard."""
    params = {k: f"{v:%d/%m/%Y}" if isinstance(v, date) else v for k, v in asked.items() if v is not None}
    day = asked.get("date_req") or asked.get("date_req2")

    def read(body: bytes) -> ElementTree.Element:
        if b"<!doctype" in body[:1_000].lower():
            raise corrupt(client.source, "a web page came, not a list of rates: the site's guard turns us away")
        return parse(body)

    try:
        root: ElementTree.Element = client.get(STREAM, path, params, read=read)
    except CorruptResponse as error:
        error.record = error.record or (str(day) if day else "newest")
        raise
    return root


def parse(body: bytes) -> ElementTree.Element:
    """The root ValCurs. Errors: ValueError for what is not whole, not this XML, or declares entities.

    Decoded here and not by what the prolog claims, so that no encoding hides a DOCTYPE: entities are never expanded.
    """
    if len(body) > MOST_BYTES:
        raise ValueError(f"larger than {MOST_BYTES:,} bytes")
    text = body.decode("windows-1251")  # UnicodeDecodeError is a ValueError
    if "<!doctype" in text.lower() or "<!entity" in text.lower():
        raise ValueError("XML that declares a DOCTYPE or entities")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(f"not whole XML ({error})") from None
    if root.tag != "ValCurs":
        raise ValueError(f"<{root.tag[:40]}> and not ValCurs")
    return root


def _day(source: str, text: str | None) -> date:
    try:
        return datetime.strptime(text or "", "%d.%m.%Y").date()  # noqa: DTZ007 - a day of the bank's calendar
    except ValueError:
        raise corrupt(source, "a list without its date", text) from None


def _quote(source: str, entry: ElementTree.Element, currency: str, day: date) -> tuple[str, str]:
    """(nominal, value) as the bank writes them. Errors: CorruptResponse where one is no positive number."""
    nominal, value = ((entry.findtext(name) or "").strip() for name in ("Nominal", "Value"))
    for name, text in (("Nominal", nominal), ("Value", value)):
        if not is_positive(text.replace(",", ".")):
            raise corrupt(source, f"{name} of {currency} is '{text}', no positive number", day.isoformat())
    return nominal, value


VENDOR = bank("cbr", "the Bank of Russia", BASE_URL, "Official rouble rates, a record a day", fetch, newest)

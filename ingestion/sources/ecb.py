"""European Central Bank: euro reference rates of each working day, units of a currency for one euro. No credential.

Facts: data.ecb.europa.eu/help/api. Series EXR D.<currency>.EUR.SP00.A as CSV; a day without a quote is absent or has an
empty value; a period without any is an empty body. The rouble has had no quote since 2022-03-02.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date, timedelta

from ingestion.client import Client
from ingestion.errors import CorruptResponse
from ingestion.exchange import FIRST_DAY, OVERLAP, STREAM, Held, bank, corrupt, day_record, is_positive
from ingestion.stream import Json

BASE_URL = "https://data-api.ecb.europa.eu/service"
PATH = "/data/EXR/D..EUR.SP00.A"
COLUMNS = ("CURRENCY", "CURRENCY_DENOM", "TIME_PERIOD", "OBS_VALUE")


def fetch(client: Client, held: Held, full: bool) -> Iterator[Json]:
    """All days from FIRST_DAY on, or those since the newest known one with an overlap, in one request."""
    since = FIRST_DAY if full or held.newest is None else held.newest - timedelta(days=OVERLAP)
    yield from parse(_ask(client, since), client.source)


def newest(client: Client) -> Json:
    """The newest day. Errors: CorruptResponse where there is none."""
    records = list(parse(_ask(client, last=1), client.source))
    if not records:
        raise corrupt(client.source, "not one day with rates was listed")
    return max(records, key=lambda record: str(record["id"]))


def _ask(client: Client, since: date | None = None, last: int | None = None) -> str:
    """The answer as text. Errors: CorruptResponse with the first day that was asked for."""
    asked = {"startPeriod": since and since.isoformat(), "lastNObservations": last}
    params = {"format": "csvdata", "detail": "dataonly", **{k: v for k, v in asked.items() if v}}
    try:
        return str(client.get(STREAM, PATH, params, read=_whole))
    except CorruptResponse as error:
        error.record = error.record or (f"{since} and later" if since else "newest")
        raise


def _whole(body: bytes) -> str:
    """The body as text. Errors: ValueError where it is cut short, or no CSV at all."""
    text = body.decode("utf-8-sig")  # UnicodeDecodeError is a ValueError
    if text and not text.startswith("KEY,"):
        raise ValueError("not the CSV that was asked for")
    if text and not text.endswith("\n"):
        raise ValueError("cut short")
    return text


def parse(text: str, source: str) -> Iterator[Json]:
    """Day records of a CSV answer. Errors: CorruptResponse that names the day and the currency."""
    if not text:
        return
    rows = csv.DictReader(text.splitlines())
    if missing := [name for name in COLUMNS if name not in (rows.fieldnames or ())]:
        raise corrupt(source, f"the CSV has no column {', '.join(missing)}")
    days: dict[str, dict[str, tuple[str, str]]] = {}
    for row in rows:
        currency, day, value = row["CURRENCY"], row["TIME_PERIOD"], (row["OBS_VALUE"] or "").strip()
        if not _is_day(day) or not currency or len(currency) != 3 or row["CURRENCY_DENOM"] != "EUR":
            raise corrupt(source, f"line {rows.line_num} is no daily rate of a currency to the euro", day)
        if value in ("", "NaN"):
            continue
        if not is_positive(value):
            raise corrupt(source, f"the rate of {currency} is '{value}', no positive number", day)
        if days.setdefault(day, {}).setdefault(currency, ("1", value)) != ("1", value):
            raise corrupt(source, f"two rates of {currency} on one day", day)
    for day, quotes in days.items():
        yield day_record(day, quotes)


def _is_day(text: str | None) -> bool:
    try:
        return date.fromisoformat(text or "").isoformat() == text
    except ValueError:
        return False


VENDOR = bank("ecb", "the European Central Bank", BASE_URL, "Euro reference rates, a record a day", fetch, newest)

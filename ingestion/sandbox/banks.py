"""Stand-ins of the two banks' rate services, on the stand-in's own address and clock: `/ecb/service`, `/cbr/scripts`.

Rates are made from the day and the currency alone, so that a test can say what must come out (`rate`). Figures, days
off and formats are as the banks have them: the ECB's CSV without weekends; the Bank of Russia's XML in windows-1251
with decimal commas, nominals, and lists dated Tuesday to Saturday, tomorrow's among them from the afternoon on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta

Answer = tuple[int, bytes, dict[str, str]]
Query = Mapping[str, list[str]]

PER_EURO = {
    "USD": 1.12, "GBP": 0.85, "CHF": 0.96, "JPY": 158.0, "IDR": 18_200.0, "KRW": 1_530.0, "PLN": 4.3, "RUB": 88.0,
}  # fmt: skip
"""Units of a currency for one euro, about which its rate swings."""
ROUBLES_END = date(2022, 3, 1)
"""The last day on which the ECB quoted the rouble."""
PER_EURO_OF_RUSSIA = {**PER_EURO, "EUR": 1.0, "KZT": 560.0, "UZS": 13_900.0}
NOMINALS = {"JPY": 100, "IDR": 10_000, "KRW": 1_000, "KZT": 100, "UZS": 10_000}
IDS = {
    "USD": "R01235", "EUR": "R01239", "GBP": "R01035", "CHF": "R01775", "JPY": "R01820", "IDR": "R01280",
    "KRW": "R01815", "PLN": "R01565", "KZT": "R01335", "UZS": "R01717",
}  # fmt: skip
AFTERNOON = 13
"""Hour (UTC) from which on the day's rates are out."""


def rate(currency: str, day: date) -> float:
    """Units of a currency for one euro on a day, before a bank rounds them."""
    swing = 0.04 * math.sin(day.toordinal() / 45 + len(currency) + ord(currency[0]))
    return PER_EURO_OF_RUSSIA[currency] * (1 + (0.0 if currency == "EUR" else swing))


def ecb_value(currency: str, day: date) -> str | None:
    """What the ECB lists, or None: it does not list that currency on that day."""
    off = day.weekday() > 4 or (day.month, day.day) in ((1, 1), (5, 1), (12, 25), (12, 26))
    if off or currency not in PER_EURO or (currency == "RUB" and day > ROUBLES_END):
        return None
    return f"{rate(currency, day):.5g}" if rate(currency, day) < 10_000 else f"{rate(currency, day):.2f}"


def cbr_value(currency: str, day: date) -> str | None:
    """Roubles for NOMINALS (else 1) units of a currency, with the decimal comma, or None: no list has that date."""
    if day.weekday() in (6, 0) or (day.month == 1 and day.day <= 8) or currency not in IDS:
        return None
    roubles = rate("RUB", day) / rate(currency, day) * NOMINALS.get(currency, 1)
    return f"{roubles:.4f}".replace(".", ",")


def answer(path: str, query: Query, now: int) -> Answer:
    """Status, body and headers of a GET. `now`: milliseconds since 1970, UTC."""
    at = datetime.fromtimestamp(now / 1_000, UTC)
    try:
        if path == "/ecb/service/data/EXR/D..EUR.SP00.A":
            return 200, ecb(query, at).encode(), {"Content-Type": "application/vnd.sdmx.data+csv;version=1.0.0"}
        if path in ("/cbr/scripts/XML_daily.asp", "/cbr/scripts/XML_dynamic.asp"):
            body = '<?xml version="1.0" encoding="windows-1251"?>' + cbr(path.rsplit("/", 1)[1], query, at)
            return 200, body.encode("windows-1251"), {"Content-Type": "application/xml; charset=windows-1251"}
    except (KeyError, ValueError):
        return 400, b"Bad Request", {"Content-Type": "text/plain"}
    return 404, b"Not Found", {"Content-Type": "text/plain"}


def ecb(query: Query, at: datetime) -> str:
    """The CSV of `startPeriod` or of `lastNObservations=1`; empty where there is no observation."""
    if query["format"] != ["csvdata"] or query["detail"] != ["dataonly"]:
        raise ValueError
    last = at.date() if at.hour >= AFTERNOON + 2 else at.date() - timedelta(days=1)
    first = date.fromisoformat(query["startPeriod"][0]) if "startPeriod" in query else last - timedelta(days=10)
    lines = []
    for currency in sorted(PER_EURO):
        found = [
            f"EXR.D.{currency}.EUR.SP00.A,D,{currency},EUR,SP00,A,{day},{value}"
            for day in _days(first, last)
            if (value := ecb_value(currency, day)) is not None
        ]
        lines += found[-1:] if "lastNObservations" in query else found
    header = "KEY,FREQ,CURRENCY,CURRENCY_DENOM,EXR_TYPE,EXR_SUFFIX,TIME_PERIOD,OBS_VALUE"
    return "\r\n".join([header, *lines, ""]) if lines else ""


def cbr(page: str, query: Query, at: datetime) -> str:
    """The XML of a day's list, or of one currency's days."""
    newest = at.date() + timedelta(days=1) if at.hour >= AFTERNOON else at.date()
    if page == "XML_daily.asp":
        asked = _date(query["date_req"][0]) if "date_req" in query else newest
        day = next(d for d in _days(min(asked, newest), date.min, -1) if cbr_value("USD", d))
        rows = "".join(
            f'<Valute ID="{IDS[code]}"><CharCode>{code}</CharCode><Nominal>{NOMINALS.get(code, 1)}</Nominal>'
            f"<Name>Валюта {code}</Name><Value>{cbr_value(code, day)}</Value></Valute>"
            for code in IDS
        )
        return f'<ValCurs Date="{day:%d.%m.%Y}" name="Foreign Currency Market">{rows}</ValCurs>'
    code = {number: code for code, number in IDS.items()}[query["VAL_NM_RQ"][0]]
    since, until = (_date(query[name][0]) for name in ("date_req1", "date_req2"))
    rows = "".join(
        f'<Record Date="{day:%d.%m.%Y}" Id="{IDS[code]}"><Nominal>{NOMINALS.get(code, 1)}</Nominal>'
        f"<Value>{value}</Value></Record>"
        for day in _days(since, min(until, newest))
        if (value := cbr_value(code, day))
    )
    return f'<ValCurs ID="{IDS[code]}" name="Foreign Currency Market Dynamic">{rows}</ValCurs>'


def _days(first: date, last: date, step: int = 1) -> Iterator[date]:
    day = first
    while (last - day).days * step >= 0:
        yield day
        day += timedelta(days=step)


def _date(text: str) -> date:
    return datetime.strptime(text, "%d/%m/%Y").date()  # noqa: DTZ007 - a day of the bank's calendar

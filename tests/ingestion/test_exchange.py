"""The banks' daily rates: documented answers, what is refused, what is landed when, on the wire of the stand-in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import orjson
import pytest

from ingestion.client import Client
from ingestion.config import Config
from ingestion.errors import ConfigError, CorruptResponse
from ingestion.exchange import BankDialect, Held
from ingestion.landing import Landing
from ingestion.loading import load_new, open_warehouse, read_state
from ingestion.sandbox import banks
from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from ingestion.settings import Connection, load_settings
from ingestion.sources import cbr, ecb
from ingestion.stream import Pull, StreamReport
from tests.ingestion.server import Answer, Scripted

HEADER = "KEY,FREQ,CURRENCY,CURRENCY_DENOM,EXR_TYPE,EXR_SUFFIX,TIME_PERIOD,OBS_VALUE\r\n"
MARCH_2002 = (
    '<?xml version="1.0" encoding="windows-1251"?><ValCurs Date="02.03.2002" name="Foreign Currency Market">'
    '<Valute ID="R01010"><NumCode>036</NumCode><CharCode>AUD</CharCode><Nominal>1</Nominal>'
    "<Name>Австралийский доллар</Name><Value>16,0102</Value></Valute>"
    '<Valute ID="R01820"><NumCode>392</NumCode><CharCode>JPY</CharCode><Nominal>100</Nominal>'
    "<Name>Японских иен</Name><Value>23,1527</Value></Valute></ValCurs>"
)
"""The documented answer to XML_daily.asp?date_req=02/03/2002 (cbr.ru/development/SXML), two of its currencies."""


def row(currency: str, day: str, value: str, against: str = "EUR") -> str:
    return f"EXR.D.{currency}.{against}.SP00.A,D,{currency},{against},SP00,A,{day},{value}\r\n"


def test_a_day_of_the_ecb_is_a_record_and_holidays_are_none() -> None:
    text = (
        HEADER + row("USD", "2024-03-28", "1.0811") + row("USD", "2024-03-29", "") + row("JPY", "2024-03-28", "163.45")
    )
    assert list(ecb.parse(text, "ecb")) == [
        {
            "id": "2024-03-28",
            "rates": [
                {"currency": "JPY", "nominal": "1", "value": "163.45"},
                {"currency": "USD", "nominal": "1", "value": "1.0811"},
            ],
        }
    ]
    assert list(ecb.parse("", "ecb")) == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (HEADER.replace("OBS_VALUE", "VALUE"), "no column OBS_VALUE"),
        (HEADER + row("USD", "2024-03-28", "0"), "2024-03-28: the rate of USD is '0'"),
        (HEADER + row("USD", "2024-03-28", "-1.1"), "2024-03-28: the rate of USD is '-1.1'"),
        (HEADER + row("USD", "2024-03-28", "1,0811x"), "2024-03-28: the rate of USD is '1'"),
        (HEADER + row("USD", "2024-03-28", "Infinity"), "the rate of USD is 'Infinity'"),
        (HEADER + row("USD", "2024-03", "1.08"), "line 2 is no daily rate"),
        (HEADER + row("USD", "2024-03-28", "0.86", against="GBP"), "line 2 is no daily rate"),
        (HEADER + row("USD", "2024-03-28", "1.1") + row("USD", "2024-03-28", "1.2"), "two rates of USD on one day"),
    ],
)
def test_a_wrong_answer_of_the_ecb_names_source_stream_and_day(text: str, wrong: str) -> None:
    if "1,0811x" in text:
        text = text.replace("1,0811x", '"1,0811"')
        wrong = wrong.replace("'1'", "'1,0811'")
    with pytest.raises(CorruptResponse) as told:
        list(ecb.parse(text, "ecb"))
    assert wrong in str(told.value)
    assert str(told.value).startswith("ecb/daily_rates")


def asked(body: bytes) -> tuple[object, int]:
    """(what cbr.daily makes of an answer that repeats, requests it took)."""
    dialect = BankDialect({"requests": (1000, 1.0)})
    with (
        Scripted([Answer(body=body)]) as server,
        Client("cbr", server.url, dialect, sleep=lambda seconds: None) as client,
    ):
        try:
            return cbr.daily(client, date(2002, 3, 2)), len(server.seen)
        except CorruptResponse as error:
            return str(error), len(server.seen)


def test_the_documented_day_of_the_bank_of_russia() -> None:
    day, _ = asked(MARCH_2002.encode("windows-1251"))
    assert day == cbr.Day(
        date(2002, 3, 2),
        {"AUD": ("1", "16,0102"), "JPY": ("100", "23,1527")},
        {"AUD": "R01010", "JPY": "R01820"},
    )


@pytest.mark.parametrize(
    ("change", "wrong", "tries"),
    [
        (("16,0102", "16,O102"), "record 2002-03-02: Value of AUD is '16,O102'", 1),
        (("<Nominal>100<", "<Nominal>0<"), "record 2002-03-02: Nominal of JPY is '0'", 1),
        (("<Nominal>100</Nominal>", ""), "record 2002-03-02: Nominal of JPY is ''", 1),
        (("JPY", "AUD"), "currency 'AUD' is no code or is there twice", 1),
        (('Date="02.03.2002" ', ""), "a list without its date", 1),
        (("</Valute></ValCurs>", "</Valute>"), "record 2002-03-02: no usable answer after 8 tries: HTTP 200", 8),
        (("ValCurs", "Valuta"), "<Valuta> and not ValCurs", 8),
        (("<ValCurs ", '<!DOCTYPE a [<!ENTITY b "c">]><ValCurs '), "the site's guard turns us away", 1),
        (("<ValCurs ", " " * 2_000 + '<!DOCTYPE a [<!ENTITY b "c">]><ValCurs '), "declares a DOCTYPE or entities", 8),
    ],
)
def test_a_wrong_answer_of_the_bank_of_russia_names_the_day(change: tuple[str, str], wrong: str, tries: int) -> None:
    told, requests = asked(MARCH_2002.replace(*change).encode("windows-1251"))
    assert wrong in str(told), told
    assert str(told).startswith("cbr/daily_rates")
    assert requests == tries


def test_an_encoding_hides_no_entity() -> None:
    bomb = (
        '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a [<!ENTITY b "c">]><ValCurs Date="02.03.2002">&b;</ValCurs>'
    )
    told, _ = asked(bomb.encode("utf-16"))
    assert "not whole XML" in str(told)


@pytest.fixture
def sandbox():
    with Sandbox(World(seed=3, deals=5, now="2026-11-20T20:00:00Z"), rate=None, search_rate=None) as server:
        yield server


@pytest.fixture
def since(monkeypatch) -> date:
    """A history of a year instead of sixteen."""
    first = date(2025, 12, 1)
    for module in (ecb, cbr):
        monkeypatch.setattr(module, "FIRST_DAY", first)
    monkeypatch.setattr(BankDialect, "__init__", lambda self: setattr(self, "rates", {"requests": (1000, 1.0)}))
    return first


class Home:
    """Landing and warehouse of one bank; `pull` extracts and loads as a run does."""

    def __init__(self, root: Path, sandbox: Sandbox, vendor: object, path: str) -> None:
        self.landing, self.warehouse = Landing(root / "landing"), root / "warehouse.duckdb"
        self.vendor, self.connection = vendor, Connection(vendor.name, vendor.name, sandbox.url + path, {})

    def pull(self, **more: object) -> StreamReport:
        state = read_state(self.warehouse, self.vendor.name, self.vendor.name)
        [report] = self.vendor.extract(Pull(self.connection, self.landing, state, None, **more))
        load_new(self.warehouse, self.landing.root)
        return report

    def newest(self) -> dict[str, list[dict]]:
        with open_warehouse(self.warehouse, read_only=True) as connection:
            rows = connection.execute(
                f"""select record_id, max_by(record, window_seq)::varchar from raw."{self.vendor.name}__daily_rates"
                    group by 1 order by 1"""
            ).fetchall()
        return {day: orjson.loads(record)["rates"] for day, record in rows}


def value(rates: list[dict], currency: str) -> str | None:
    return next((r["value"] for r in rates if r["currency"] == currency), None)


def test_the_ecb_is_read_whole_once_and_then_only_what_is_new(tmp_path, sandbox, since) -> None:
    home = Home(tmp_path, sandbox, ecb.VENDOR, "/ecb/service")
    first = home.pull()
    assert (first.error, first.kind, first.requests) == (None, "full", 1)
    days = home.newest()
    assert len(days) == first.rows
    assert min(days) == since.isoformat()
    assert max(days) == "2026-11-20"
    assert "2025-12-25" not in days
    assert all(date.fromisoformat(day).weekday() < 5 for day in days)
    assert value(days["2026-11-20"], "USD") == banks.ecb_value("USD", date(2026, 11, 20))
    assert value(days["2026-11-20"], "RUB") is None
    again = home.pull()
    assert (again.error, again.kind, again.rows, again.window_id, again.requests) == (None, "incremental", 0, None, 1)
    sandbox.world.set_now("2026-11-24T20:00:00Z")
    later = home.pull()
    assert (later.rows, later.to_at) == (2, datetime(2026, 11, 24, tzinfo=UTC))
    assert list(home.newest())[-3:] == ["2026-11-20", "2026-11-23", "2026-11-24"]


def test_the_bank_of_russia_is_read_by_currency_and_then_by_day(tmp_path, sandbox, since) -> None:
    sandbox.world.set_now("2026-11-24T20:00:00Z")
    home = Home(tmp_path, sandbox, cbr.VENDOR, "/cbr/scripts")
    first = home.pull()
    # tomorrow's list is out; the newest list, and one answer a currency
    assert (first.error, first.requests) == (None, 1 + len(banks.IDS))
    days = home.newest()
    assert max(days) == "2026-11-25"
    assert min(days) == "2025-12-02"
    assert not {"2026-11-22", "2026-11-23", "2026-01-03"} & days.keys()
    assert days["2026-11-24"] == [
        {
            "currency": code,
            "nominal": str(banks.NOMINALS.get(code, 1)),
            "value": banks.cbr_value(code, date(2026, 11, 24)),
        }
        for code in sorted(banks.IDS)
    ]
    again = home.pull()
    assert (again.rows, again.window_id, again.requests) == (0, None, 1)
    sandbox.world.set_now("2026-11-29T20:00:00Z")
    later = home.pull()
    # 26th to 28th are new; the ten days of overlap say what they said
    assert (later.error, later.rows) == (None, 3)
    assert list(home.newest())[-4:] == ["2026-11-25", "2026-11-26", "2026-11-27", "2026-11-28"]
    sandbox.world.set_now("2027-02-28T20:00:00Z")
    late = home.pull()
    assert (late.error, late.requests) == (None, 1 + len(banks.IDS))
    assert late.rows == len([day for day in home.newest() if day > "2026-11-28"])


def test_a_corrected_day_is_landed_again_and_a_silent_bank_is_told_of(tmp_path, sandbox, since, monkeypatch) -> None:
    home = Home(tmp_path, sandbox, ecb.VENDOR, "/ecb/service")
    home.pull()
    newest = max(home.newest())
    monkeypatch.setitem(banks.PER_EURO, "USD", 1.2)
    monkeypatch.setitem(banks.PER_EURO_OF_RUSSIA, "USD", 1.2)
    corrected = home.pull(as_of=datetime(2027, 6, 1, tzinfo=UTC))
    assert 5 < corrected.rows < 10
    assert value(home.newest()[newest], "USD") == banks.ecb_value("USD", date.fromisoformat(newest))
    assert corrected.warnings == (f"the newest rates are of {newest}, 193 days before as-of",)


def test_a_bank_that_answers_nonsense_lands_nothing(tmp_path, sandbox, since) -> None:
    home = Home(tmp_path, sandbox, cbr.VENDOR, "/cbr/none")
    report = home.pull()
    assert report.error is not None
    assert "cbr/daily_rates: HTTP 404" in str(report.error)
    assert not list(home.landing.windows())
    empty = replace(home.connection, base_url=sandbox.url + "/ecb/service")
    [told] = ecb.VENDOR.extract(Pull(empty, home.landing, Held(date(2030, 1, 1), {}), None))
    assert (told.error, told.rows) == (None, 0)


def test_funnel_check_tells_of_the_newest_day(sandbox) -> None:
    sandbox.world.set_now("2027-02-28T20:00:00Z")
    for vendor, path, wanted in (
        (ecb.VENDOR, "/ecb/service", f"{len(banks.PER_EURO)} currencies on 2027-02-26"),
        (cbr.VENDOR, "/cbr/scripts", f"{len(banks.IDS)} currencies on 2027-02-27"),
    ):
        [line] = vendor.check(Connection(vendor.name, vendor.name, sandbox.url + path, {}), {})
        assert line.ok
        assert line.name == "daily_rates"
        # the rouble's last quote of 2022 is no currency of the newest day
        assert line.detail == (wanted if vendor is cbr.VENDOR else wanted.replace(str(len(banks.PER_EURO)), "7"))


def test_banks_are_on_where_funnel_yml_names_them(tmp_path: Path) -> None:
    env = {"HUBSPOT_ACCESS_TOKEN": "t", "FUNNEL_PII_KEY": "k"}
    assert [c.name for c in load_settings(env, tmp_path).connections] == ["hubspot"]
    (tmp_path / "funnel.yml").write_text("exchange_rates: [ecb, cbr, ecb]\n")
    settings = load_settings(env | {"CBR_API_BASE": "http://127.0.0.1:9/"}, tmp_path)
    assert {c.name: c.base_url for c in settings.connections} == {
        "hubspot": "https://api.hubapi.com", "cbr": "http://127.0.0.1:9", "ecb": ecb.BASE_URL,
    }  # fmt: skip
    assert settings.references == {"ecb", "cbr"}
    assert Config().exchange_rates == ()
    with pytest.raises(ConfigError, match="two connections are called ecb"):
        load_settings(env | {"HUBSPOT__ECB_ACCESS_TOKEN": "t"}, tmp_path)
    (tmp_path / "funnel.yml").write_text("reporting_currency: EUR\nexchange_rates: [fed]\n")
    with pytest.raises(ConfigError, match=r"funnel.yml line 2: exchange_rates"):
        load_settings(env, tmp_path)

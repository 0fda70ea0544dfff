"""Exit codes, as-of and configuration, without Dagster: what a session's state means for the person who ran it."""

from __future__ import annotations

import errno
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from ingestion.config import Config
from ingestion.errors import AuthError, ConfigError, CorruptResponse, LandingError, MissingScope, SourceError
from ingestion.settings import Settings
from ingestion.stream import StreamReport
from orchestration import audit, errors, freshness, warehouse
from orchestration.clock import check_range, parse_as_of
from orchestration.errors import FAILED, PARTIAL, PUBLISHED, REFUSED, WRONG_USE, AuditRefused, WrongUse
from orchestration.ledger import Check
from orchestration.runner import conclude
from orchestration.session import Session
from tests.orchestration.conftest import AS_OF, session_of, settings_of

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
AUTH = AuthError("hubspot", "deals", "the token was refused", "Set HUBSPOT_ACCESS_TOKEN.")
SCOPE = MissingScope("hubspot", "contacts", "the token lacks a scope", scope="crm.objects.contacts.read")
BROKEN = CorruptResponse("hubspot", "deals", "answer is not JSON", url="https://api/crm")


def report(source: str, error: SourceError | None = None, *warnings: str) -> StreamReport:
    return StreamReport(source, "hubspot", "deals", error=error, warnings=warnings, rows=5, requests=2)


def session(tmp_path: Path, *reports: StreamReport, done: str | None = "published", **state: object) -> Session:
    made = session_of(settings_of(tmp_path, *dict.fromkeys(r.source for r in reports)))
    made.reports += reports
    if done:
        made.publication = {"id": "R1", "outcome": done, "as_of": AS_OF.isoformat()}
    for name, value in state.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize("outcome", ["published", "release_only", "unchanged"])
def test_published_is_0(tmp_path: Path, outcome: str) -> None:
    ended = conclude(session(tmp_path, report("hubspot"), done=outcome), True)
    assert (ended.code, ended.outcome, ended.publication) == (PUBLISHED, outcome, "R1")
    assert "R1" in ended.message


def test_one_of_two_sources_failed_is_4_and_names_it(tmp_path: Path) -> None:
    ended = conclude(session(tmp_path, report("hubspot"), report("emea", BROKEN)), True)
    assert ended.code == PARTIAL
    assert "Not refreshed: emea" in ended.message
    assert "answer is not JSON" in ended.message
    assert ended.failed_sources["emea"]


def test_failed_check_is_3_and_named(tmp_path: Path) -> None:
    check = Check("mart.key_is_unique", "marts.m", "fail", "gate", 2, "month 2026-01-01")
    ended = conclude(session(tmp_path, report("hubspot"), done=None, refused=[check]), False)
    assert ended.code == REFUSED
    assert "mart.key_is_unique on marts.m" in ended.message
    assert "month 2026-01-01" in ended.message
    assert ended.message.endswith("The last publication stands. See docs/runbooks/audit-refused.md.")


def test_refusal_raised_by_a_step_is_3(tmp_path: Path) -> None:
    assert conclude(session(tmp_path, done=None, failure=AuditRefused("no")), False).code == REFUSED


def test_anything_else_is_1(tmp_path: Path) -> None:
    assert conclude(session(tmp_path, done=None), False).code == FAILED
    shown = errors.explain(ZeroDivisionError("oops"))
    assert conclude(session(tmp_path, done=None, failure=shown), False).code == FAILED
    assert "Unexpected ZeroDivisionError: oops" in str(shown)
    assert "Traceback" not in str(shown)


@pytest.mark.parametrize(
    ("reports", "code"),
    [
        ([report("hubspot", AUTH)], WRONG_USE),
        ([report("hubspot", SCOPE)], WRONG_USE),
        ([report("hubspot", BROKEN)], FAILED),
        ([report("hubspot", AUTH), report("emea", BROKEN)], FAILED),
        ([report("hubspot", AUTH), report("emea", SCOPE)], WRONG_USE),
    ],
)
def test_nothing_extracted_is_2_for_credentials_and_scopes_else_1(
    tmp_path: Path, reports: list[StreamReport], code: int
) -> None:
    made = session(tmp_path, *reports, done=None)
    with pytest.raises(errors.NothingExtracted) as raised:
        made.load()
    assert errors.exit_code(raised.value) == code
    for one in reports:
        assert str(one.error) in str(raised.value)


def test_a_scope_is_named_once_though_every_stream_reports_it(tmp_path: Path) -> None:
    made = session(tmp_path, report("hubspot", AUTH), report("hubspot", AUTH), done=None)
    with pytest.raises(errors.NothingExtracted) as raised:
        made.load()
    assert str(raised.value).count("the token was refused") == 1


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), FAILED, "disk that holds FUNNEL_HOME is full"),
        (OSError(errno.EROFS, "Read-only file system"), WRONG_USE, "cannot be written"),
        (PermissionError(errno.EACCES, "Permission denied"), WRONG_USE, "cannot be written"),
        (LandingError("part is damaged"), FAILED, "part is damaged"),
        (ConfigError("funnel.yml line 3: no"), WRONG_USE, "line 3"),
    ],
)
def test_system_errors_in_plain_words(error: Exception, code: int, text: str) -> None:
    shown = errors.explain(error)
    assert text in str(shown)
    assert errors.exit_code(shown) == code


def test_as_of_is_a_dates_end_in_the_reporting_zone_or_an_instant() -> None:
    assert parse_as_of("2026-03-29", "Europe/Berlin", NOW) == datetime(2026, 3, 29, 22, tzinfo=UTC)
    assert parse_as_of("2026-03-31T10:00:00+02:00", "UTC", NOW) == datetime(2026, 3, 31, 8, tzinfo=UTC)
    assert parse_as_of("2026-03-31T10:00", "Asia/Tokyo", NOW) == datetime(2026, 3, 31, 1, tzinfo=UTC)
    assert parse_as_of(None, "UTC", NOW) == NOW


@pytest.mark.parametrize("text", ["2026-11-24", "2026-11-24T08:00:01Z", "yesterday", "2026-13-01"])
def test_as_of_out_of_range_is_2(text: str) -> None:
    with pytest.raises(WrongUse) as raised:
        parse_as_of(text, "UTC", NOW)
    assert raised.value.code == WRONG_USE


def test_range_is_named_on_both_sides() -> None:
    first = datetime(2024, 5, 1, 12, tzinfo=UTC)
    with pytest.raises(WrongUse, match=r"after 2024-05-01T12:00:00Z .* at latest 2026-11-24T08:00:00Z"):
        check_range(first, first, NOW)
    check_range(datetime(2024, 5, 1, 12, 0, 1, tzinfo=UTC), first, NOW)
    check_range(NOW, None, NOW)


@pytest.mark.parametrize(
    ("as_of", "zone", "month"),
    [
        ("2026-04-01T00:00:00+00:00", "UTC", date(2026, 3, 1)),
        ("2026-03-31T23:59:59+00:00", "UTC", date(2026, 2, 1)),
        ("2026-03-31T22:00:00+00:00", "Europe/Berlin", date(2026, 3, 1)),
        ("2026-01-15T00:00:00+00:00", "UTC", date(2025, 12, 1)),
    ],
)
def test_last_complete_month(as_of: str, zone: str, month: date) -> None:
    assert audit.last_complete_month(datetime.fromisoformat(as_of), zone) == month


def test_rates_are_read_exactly(tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    path.write_text("currency,kind,date,rate\nUSD,plan,,0.91\nRUB,month_end,2026-03-31,0.01098765\n")
    assert warehouse.read_rates(path) == [
        ("USD", "plan", None, Decimal("0.91")),
        ("RUB", "month_end", date(2026, 3, 31), Decimal("0.01098765")),
    ]
    assert warehouse.read_rates(tmp_path / "none.csv") == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("usd,plan,,0.9", "line 3: 'usd' is not a three-letter"),
        ("USD,daily,,0.9", "line 3: kind 'daily'"),
        ("USD,plan,,1,1", "line 3: .*"),
        ("USD,plan,,0", "line 3: rate '0' is not a positive"),
        ("USD,plan,,abc", "line 3: rate 'abc' is not a number"),
        ("USD,spot,31.3.2026,1.1", "line 3: .*31.3.2026"),
    ],
)
def test_a_wrong_rate_names_its_line(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "rates.csv"
    path.write_text(f"currency,kind,date,rate\nGBP,plan,,1.15\n{line}\n")
    with pytest.raises(ConfigError, match=f"rates.csv {reason}"):
        warehouse.read_rates(path)


def test_configuration_replaces_what_was_there(settings: Settings) -> None:
    warehouse.prepare(settings.warehouse)
    config = Config(stages={"hubspot": {"default": {"s1": "meeting"}}}, home_currency={"hubspot": "USD"})
    named = Settings(settings.home, settings.connections, config, settings.pii_key)
    for _ in range(2):
        warehouse.write_configuration(
            settings.warehouse, named, *(settings.home / n for n in ("rates.csv", "targets.csv"))
        )
    with warehouse.connect(settings.warehouse, read_only=True) as connection:
        assert connection.execute("from meta.configured_stages").fetchall() == [("hubspot", "default", "s1", "meeting")]
        assert connection.execute("from meta.configured_sources").fetchall() == [("hubspot", "hubspot", "USD", None)]
        assert connection.execute("from meta.configured_rates").fetchall() == []


def test_how_far_a_source_reaches_is_what_runs_before_and_this_one_read(settings: Settings) -> None:
    made = session_of(settings)
    made.home.prepare()
    freshness.remember_sources(made.home, ["hubspot"], AS_OF - timedelta(hours=3))
    told = []
    for read in ([], [report("hubspot")]):
        made.reports += read
        made.begin()
        with warehouse.connect(settings.warehouse, read_only=True) as connection:
            told += connection.execute("from meta.source_reach").fetchall()
    assert told == [("hubspot", False, AS_OF - timedelta(hours=3)), ("hubspot", True, None)]


def test_content_hash_sees_values_and_multiplicity_but_not_order(tmp_path: Path) -> None:
    with warehouse.connect(tmp_path / "w.duckdb") as connection:
        for name, rows in {
            "a": "(1, 'x'), (2, null), (2, null)", "b": "(2, null), (1, 'x'), (2, null)", "c": "(1, 'x'), (2, null)",
            "d": "(1, 'x'), (2, null), (3, null)", "e": "(1, 'x'), (1, 'x'), (2, null)",
        }.items():  # fmt: skip
            connection.execute(f"create table {name} as from (values {rows}) t(i, s)")
        hashes = {name: warehouse.content_hash(connection, name) for name in "abcde"}
    assert hashes["a"] == hashes["b"]
    assert len(set(hashes.values())) == 4

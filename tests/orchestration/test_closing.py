"""Closing a month: the closing day, the checklist, waivers, and vintages that are written once and show any change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.close import Close
from ingestion.config import read_config
from ingestion.errors import ConfigError
from ingestion.landing import Landing
from ingestion.settings import Settings
from orchestration import chain, closing, freezing, vintages, waivers, warehouse
from orchestration.errors import WrongUse
from orchestration.home import Home, write_atomically
from orchestration.vintages import VintageDamaged

JUNE = date(2026, 6, 1)
ON_TIME = datetime(2026, 7, 10, 12, tzinfo=UTC)  # the eighth business day of July
MARTS = """
    create schema if not exists marts; create schema if not exists meta;
    create table marts.forecast_monthly as select date '2026-06-30' as as_of_month_end,
        date '2026-07-01' as target_month, 'total' as component, 'all' as segment_type, 'all' as segment,
        1 as horizon_months,
        100.25::decimal(18, 2) as expected_revenue, 50::decimal(18, 2) as p10, 90::decimal(18, 2) as p50,
        150::decimal(18, 2) as p90, 'EUR' as currency, null::decimal(18, 2) as quota_amount,
        null::decimal(18, 2) as crm_weighted_amount, 80::decimal(18, 2) as naive_amount, 'landmark-1' as method_version,
        true as is_within_calibration, null::varchar as note;
    insert into marts.forecast_monthly
        select * replace (date '2026-05-31' as as_of_month_end) from marts.forecast_monthly;
    create table marts.forecast_periods as select date '2026-06-30' as as_of_date, false as is_current,
        'cumulative' as period_type, date '2026-07-31' as period_end, 'all' as segment_type, 'all' as segment,
        0::decimal(18, 2) as won_so_far, 100.25::decimal(18, 2) as expected_revenue, 50::decimal(18, 2) as p10,
        90::decimal(18, 2) as p50, 150::decimal(18, 2) as p90;
    create table marts.forecast_deal_months as select date '2026-06-30' as as_of_month_end, 'hubspot:1' as deal_key,
        date '2026-07-01' as target_month, 0.25 as p_won, 0.5 as p_lost, 0.25 as p_open,
        10::decimal(18, 2) as expected_amount, 50::decimal(18, 2) as amount, 'USD' as currency,
        40::decimal(18, 2) as amount_reporting, date '2026-08-01' as close_month;
    create table marts.actual_revenue_monthly as select date '2026-06-01' as month, 'all' as segment_type,
        'all' as segment, 70.10::decimal(18, 2) as won_amount_now;
    create table marts.fct_won_revenue as select 'hubspot:2' as deal_key, date '2026-06-01' as won_month,
        timestamptz '2026-06-05 10:00+00' as won_at, 'hubspot:p' as pipeline_key, null::varchar as team_key,
        70.10::decimal(18, 2) as amount, 'EUR' as currency, 70.10::decimal(18, 2) as amount_reporting,
        false as is_reversed;
    create table marts.fct_stage_transitions as select 'hubspot:2' as deal_key, timestamptz '2026-06-05 10:00+00' as
        entered_at, 2 as visit_number, 'hubspot:p:won' as to_stage_key;
    create table marts.dim_stages as select 'hubspot:p:won' as stage_key, 'won' as stage_category,
        false as is_category_inferred, false as is_retired;
    create table marts.fct_targets as select date '2026-07-01' as month, 'company' as level, 1 as quota;
    create table meta.unconverted_amounts (month date, source varchar, currency varchar, outcome varchar,
        deal_count integer, amount decimal(18, 2));"""
ENTRY = {"known_at": "2026-07-10T00:00:00+00:00", "frozen_at": "2026-07-10T12:00:00+00:00", "frozen_by": "Ada",
         "is_late": False, "code_version": "1"}  # fmt: skip


@dataclass
class Made:
    path: Path
    refused: list[str] = field(default_factory=list)


def built(path: Path, *more: str) -> Path:
    with duckdb.connect(str(path)) as connection:
        for sql in (MARTS, *more):
            connection.execute(sql)
    return path


def landed(settings: Settings, *days: str) -> None:
    """Windows of deals, read on these days."""
    for day in days:
        with Landing(settings.landing).write("hubspot", "hubspot", "deals", "full") as window:
            window.write({"id": "1"})
            found = window.commit(to_at=datetime.fromisoformat(day))
        file = found.folder / "window.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"extracted_at": day}))


@pytest.fixture
def ready(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home in which June 2026 can be closed: read in May and on 9 July, a run that came through, a publication."""
    landed(settings, "2026-05-20T08:00:00+00:00", "2026-07-09T08:00:00+00:00")
    home = Home(settings.home)
    write_atomically(home.last_run, json.dumps({"code": 0, "message": "Published."}))
    release = home.published / "releases" / "R"
    release.mkdir(parents=True)
    built(release / "funnel.duckdb")
    (home.published / "current").symlink_to(release)
    tables = built(tmp_path / "built.duckdb")

    @contextmanager
    def remade(settings: Settings, as_of: datetime, say: Any, known_at: datetime) -> Iterator[Made]:
        assert as_of == known_at == datetime(2026, 7, 10, tzinfo=UTC)
        yield Made(tables)

    monkeypatch.setattr(closing, "remade", remade)
    monkeypatch.setattr(freezing, "items", lambda session, month: freezing.items_of([]))
    return settings


def close(settings: Settings, now: datetime = ON_TIME, **more: Any) -> dict[str, Any]:
    return closing.close(settings, "2026-06", **{"by": "Ada", "now": now, "say": lambda text: None, **more})


def failing(found: dict[str, Any]) -> dict[str, list[str]]:
    return {item["check"]: list(item["rows"]) for item in found["checklist"] if item["status"] == "fail"}


def files(settings: Settings) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Home(settings.home).vintages.glob("*")}


def test_the_closing_day_counts_business_days_without_holidays_or_is_a_calendar_day() -> None:
    # July 2026 begins on a Wednesday
    assert Close().day(JUNE) == date(2026, 7, 10)
    assert Close(business_day=3, holidays=(date(2026, 7, 2),)).day(JUNE) == date(2026, 7, 6)
    assert Close(calendar_day=5).day(JUNE) == date(2026, 7, 5)
    assert Close().day(date(2026, 12, 1)) == date(2027, 1, 12)
    assert Close().cut_off(JUNE, "Europe/Berlin") == datetime(2026, 7, 9, 22, tzinfo=UTC)
    assert not Close().is_late(JUNE, "UTC", datetime(2026, 7, 10, 23, 59, tzinfo=UTC))
    assert Close().is_late(JUNE, "UTC", datetime(2026, 7, 11, tzinfo=UTC))


def test_a_wrong_closing_day_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "funnel.yml").write_text("reporting_currency: EUR\nclose:\n  business_day: 40\n")
    with pytest.raises(ConfigError, match=r"funnel\.yml line 3: close\.business_day"):
        read_config(tmp_path / "funnel.yml")
    (tmp_path / "funnel.yml").write_text("close: {calendar_day: 10, holidays: [2026-01-01]}\n")
    assert read_config(tmp_path / "funnel.yml").close == Close(calendar_day=10, holidays=(date(2026, 1, 1),))


def test_a_closed_month_is_frozen_once_and_loaded_to_the_cent(ready: Settings) -> None:
    found = close(ready)
    assert found["code"] == 0
    line = found["vintage"]
    assert (line["month"], line["revision"], line["known_at"], line["is_late"], line["method_version"]) == (
        "2026-06", 1, "2026-07-10T00:00:00+00:00", False, "landmark-1",
    )  # fmt: skip
    before = files(ready)
    with pytest.raises(WrongUse, match="was closed by Ada on 2026-07-10"):
        close(ready)
    assert files(ready) == before
    warehouse.prepare(ready.warehouse)
    vintages.load(ready.warehouse, Home(ready.home))
    with duckdb.connect(str(ready.warehouse)) as connection:
        rows = {name: connection.execute(f"from meta.{name}").fetchall() for name in warehouse.FROZEN}
    assert [row[:5] for row in rows["frozen_forecasts"]] == [
        (date(2026, 6, 30), date(2026, 7, 1), "total", "all", "all")
    ]
    assert str(rows["frozen_forecasts"][0][6]) == "100.25"
    assert [str(row[3]) for row in rows["frozen_revenue"]] == ["70.10"]
    assert rows["frozen_wins"][0][1:5] == ("hubspot:2", "hubspot:p:won", "hubspot:p", "")
    assert rows["frozen_deal_months"][0][1:6] == ("hubspot:1", date(2026, 7, 1), 0.25, 0.5, 0.25)
    told = tuple(str(value) for value in rows["frozen_deal_months"][0][6:])
    assert told == ("10.00", "50.00", "USD", "40.00", "2026-08-01")
    assert [(row[2], str(row[6])) for row in rows["frozen_periods"]] == [(date(2026, 7, 31), "100.25")]
    assert rows["frozen_won_stages"] == [(JUNE, "hubspot:p:won")]
    assert [(row[0], row[1], row[-1]) for row in rows["frozen_vintages"]] == [(date(2026, 6, 30), 1, True)]


def test_a_vintage_that_lacks_a_younger_column_is_still_read(ready: Settings) -> None:
    close(ready)
    warehouse.prepare(ready.warehouse)
    with duckdb.connect(str(ready.warehouse)) as connection:
        connection.execute("alter table meta.frozen_forecasts add column younger integer")
    vintages.load(ready.warehouse, Home(ready.home))
    with duckdb.connect(str(ready.warehouse)) as connection:
        rows = connection.execute("select expected_revenue, younger from meta.frozen_forecasts").fetchall()
    assert [(str(value), younger) for value, younger in rows] == [("100.25", None)]
    warehouse.prepare(ready.warehouse)
    with duckdb.connect(str(ready.warehouse)) as connection:
        names = [row[0] for row in connection.execute("describe meta.frozen_forecasts").fetchall()]
    assert "younger" not in names, "a shape that is not this release's is made anew"


def test_a_late_close_keeps_the_cut_off_and_is_marked(ready: Settings) -> None:
    line = close(ready, datetime(2026, 9, 1, tzinfo=UTC))["vintage"]
    assert (line["known_at"], line["is_late"]) == ("2026-07-10T00:00:00+00:00", True)


def test_a_correction_is_a_further_revision_and_the_old_file_stays(ready: Settings) -> None:
    with pytest.raises(WrongUse, match="nothing to correct"):
        close(ready, correct=True)
    close(ready)
    before = files(ready)
    assert close(ready, correct=True)["vintage"]["file"] == "2026-06.r2.parquet"
    assert files(ready)["2026-06.parquet"] == before["2026-06.parquet"]
    assert [entry["revision"] for entry in vintages.check(Home(ready.home))] == [1, 2]
    warehouse.prepare(ready.warehouse)
    vintages.load(ready.warehouse, Home(ready.home))
    with duckdb.connect(str(ready.warehouse)) as connection:
        assert connection.execute("select count(*) from meta.frozen_forecasts").fetchone() == (1,)
        told = connection.execute("select revision, is_latest from meta.frozen_vintages order by 1").fetchall()
    assert told == [(1, False), (2, True)]


def test_a_dry_run_changes_nothing(ready: Settings) -> None:
    found = close(ready, dry_run=True, waive=closing.Waiver("rates", "none", date(2026, 8, 1)))
    assert (found["code"], "could be closed" in found["message"]) == (0, True)
    assert not Home(ready.home).vintages.exists()


def test_before_the_closing_day_nothing_is_closed_waiver_or_not(ready: Settings) -> None:
    early = datetime(2026, 7, 9, 23, tzinfo=UTC)
    found = close(ready, early)
    assert (found["code"], list(failing(found))) == (3, ["business_day"])
    with pytest.raises(WrongUse, match="cannot be waived"):
        close(ready, early, waive=closing.Waiver("business_day", "in a hurry", date(2026, 8, 1)))


def test_a_source_that_was_not_read_in_the_window_or_not_known_then_refuses(settings: Settings) -> None:
    landed(settings, "2026-05-20T08:00:00+00:00", "2026-07-10T00:00:01+00:00")
    found = failing(close(settings, dry_run=True))
    assert found["extracted"] == ["hubspot/deals read last 2026-05-20T08:00:00+00:00"]
    assert "history" not in found
    other = replace(settings, home=settings.home.parent / "other")
    other.home.mkdir()
    Home(other.home).prepare()
    landed(other, "2026-07-01T00:00:00+00:00")
    assert failing(close(other, dry_run=True))["history"] == ["hubspot first read 2026-07-01T00:00:00+00:00"]


def test_a_missing_rate_refuses_until_it_is_waived_and_the_waiver_expires(ready: Settings, tmp_path: Path) -> None:
    rate = "insert into meta.unconverted_amounts values ('2026-06-01', 'hubspot', 'GBP', 'won', 3, 1200)"
    published = Home(ready.home).published / "current" / "funnel.duckdb"
    for path in (published.resolve(), tmp_path / "built.duckdb"):
        with duckdb.connect(str(path)) as connection:
            connection.execute(rate)
    found = close(ready)
    assert failing(found) == {"rates": ["hubspot won 3 deal(s) 1200.00 GBP"]}
    assert "--waive CHECK" in found["message"]
    with pytest.raises(WrongUse, match="has passed"):
        close(ready, waive=closing.Waiver("rates", "small", date(2026, 7, 9)))
    home = Home(ready.home)
    waivers.give(home, "2026-06", "rates", "", "small", "Ada", date(2026, 7, 9), ON_TIME, date(2026, 7, 1))
    assert failing(close(ready)) == {"rates": ["hubspot won 3 deal(s) 1200.00 GBP"]}, "expired the day before"
    done = close(ready, waive=closing.Waiver("rates", "small", date(2026, 7, 10)))
    assert done["code"] == 0
    warehouse.prepare(ready.warehouse)
    waivers.load(ready.warehouse, home)
    with duckdb.connect(str(ready.warehouse)) as connection:
        told = connection.execute(
            'select "check", failing_rows, reason, signed_by from meta.forecast_waivers'
        ).fetchall()
    assert told[-1] == ("rates", "hubspot won 3 deal(s) 1200.00 GBP", "small", "Ada")
    assert "waiver       2026-06 rates until 2026-07-10, Ada: small" in vintages.told(vintages.summary(home))


def test_tests_that_refuse_the_tables_of_the_cut_off_refuse_the_close(
    ready: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def remade(*given: Any, **more: Any) -> Iterator[Made]:
        yield Made(tmp_path / "built.duckdb", ["assert_forecast_adds_up: 1 row"])

    monkeypatch.setattr(closing, "remade", remade)
    assert failing(close(ready)) == {"checks": ["assert_forecast_adds_up: 1 row"]}
    assert files(ready) == {}


def test_a_changed_lost_added_or_unlisted_file_is_told(ready: Settings) -> None:
    close(ready)
    home = Home(ready.home)
    file, manifest = home.vintages / "2026-06.parquet", home.vintages / "manifest.jsonl"
    whole, listed = file.read_bytes(), manifest.read_text()

    def damage() -> str:
        with pytest.raises(VintageDamaged) as raised:
            vintages.refuse_damaged(home)
        assert vintages.summary(home)["damaged"] == str(raised.value)
        file.write_bytes(whole)
        manifest.write_text(listed)
        vintages.refuse_damaged(home)
        return str(raised.value)

    file.write_bytes(whole + b" ")
    assert "is not what was frozen" in damage()
    file.unlink()
    assert "2026-06.parquet is gone" in damage()
    manifest.write_text("")
    assert "in no line" in damage()
    chain.append(manifest, {"month": "2026-07"})
    manifest.write_text(manifest.read_text().replace('"Ada"', '"Eve"'))
    assert "line 2 does not follow" in damage()
    with duckdb.connect(str((home.published / "current" / "funnel.duckdb").resolve())) as connection:
        connection.execute("create table meta.frozen_vintages as select '2026-05.parquet' as file, 'x' as sha256")
    with pytest.raises(VintageDamaged, match=r"2026-05\.parquet is published and no longer listed"):
        vintages.refuse_damaged(home)


@pytest.mark.parametrize("killed_at", ["line", "name"])
def test_a_freeze_that_was_killed_leaves_nothing_or_is_finished(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: str
) -> None:
    home, tables = Home(settings.home), built(tmp_path / "built.duckdb")

    def die(*given: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(*((chain, "append", die) if killed_at == "line" else (vintages, "_put", die)))
        with pytest.raises(KeyboardInterrupt):
            vintages.freeze(home, tables, JUNE, ENTRY)
    assert not (home.vintages / "2026-06.parquet").exists()
    assert len(vintages.check(home)) == (killed_at == "name")
    if killed_at == "line":
        assert vintages.freeze(home, tables, JUNE, ENTRY)["revision"] == 1
    assert [entry["file"] for entry in vintages.check(home)] == ["2026-06.parquet"]
    assert sorted(path.name for path in home.vintages.glob("*")) == ["2026-06.parquet", "manifest.jsonl"]

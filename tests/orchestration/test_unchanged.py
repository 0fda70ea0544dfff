"""When a run may leave dbt out: nothing new was said, the day is the same, the tables are those published."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion.config import Config
from ingestion.loading import prepare
from ingestion.settings import Settings
from ingestion.stream import StreamReport
from orchestration import own_package, unchanged, warehouse
from orchestration.home import Home
from orchestration.publish import publish, table_contents
from orchestration.session import Session

from .conftest import audited, fill, session_of, settings_of

BUILT = datetime(2026, 4, 9, 10, tzinfo=UTC)
STREAMS: dict[str, list[dict[str, Any]]] = {
    "deals": [{"id": "1", "properties": {"amount": "10"}}, {"id": "2", "properties": {"amount": "20"}}],
    "deal_pipelines": [{"id": "default", "label": "Sales"}, {"id": "renewals", "label": "Renewals"}],
    "source_counts": [{"id": "deals", "live": 2, "counted_at": "2026-04-09T10:00:00Z"}],
}


def land(path: Path, stream: str, records: list[dict[str, Any]]) -> None:
    """One loaded window."""
    with warehouse.connect(path) as connection:
        row = connection.execute("select coalesce(max(window_seq), 0) + 1 from raw._windows").fetchone()
        sequence = row[0] if row else 1
        connection.execute(
            f"""insert into raw._windows (window_id, window_seq, source, vendor, stream, kind, extracted_at, loaded_at,
                    row_count)
                values ('w{sequence}', {sequence}, 'hubspot', 'hubspot', '{stream}', 'full', now(), now(),
                    {len(records)})"""
        )
        for line, record in enumerate(records):
            connection.execute(
                f"insert into raw.hubspot__{stream} values ('hubspot', ?, ?, now(), ?, ?, 0, ?)",
                [record["id"], json.dumps(record), f"w{sequence}", sequence, line],
            )


@pytest.fixture(scope="module")
def home_of_a_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose tables were built and published."""
    settings = settings_of(tmp_path_factory.mktemp("built") / "home", "hubspot")
    settings.home.mkdir()
    Home(settings.home).prepare()
    first = session_of(settings, as_of=BUILT)
    fill(first, 1)
    with warehouse.connect(first.path) as connection:
        connection.execute("drop table raw._windows; create schema intermediate")
        for table in {name for name, _ in unchanged.MOMENTS}:
            columns = ", ".join(f"{column} timestamptz" for name, column in unchanged.MOMENTS if name == table)
            connection.execute(f"create table {table} ({columns})")
        connection.execute(
            """create or replace table meta.source_reconciliation as
               select source, stream, run_id, timestamptz '2026-04-09 10:00+00' as as_of,
                   timestamptz '2026-04-09 10:00+00' as run_started_at, 2 as at_source_live, 2 as landed_live,
                   timestamptz '2026-04-09 10:00+00' as counted_at, 0 as unexplained
               from (values ('hubspot', 'deals', 'run-1'), ('emea', 'deals', 'run-1'), ('hubspot', 'deals', 'run-0'))
                   t(source, stream, run_id)"""
        )
    prepare(first.path)
    for stream, records in STREAMS.items():
        land(first.path, stream, records)
    warehouse.write_built_project(first.path, unchanged.dbt_build.fingerprint(settings))
    unchanged.remember(first)
    publish(first)
    return settings.home


@pytest.fixture
def built(home_of_a_build: Path, settings: Settings) -> Session:
    """A session an hour after a build that was published."""
    shutil.copytree(home_of_a_build, settings.home, symlinks=True, dirs_exist_ok=True)
    return session_of(settings, run_id="run-2", as_of=BUILT + timedelta(hours=1))


def stands_after_begin(session: Session) -> bool:
    warehouse.write_run_clock(session.path, session.as_of, session.run_id, session.started_at)
    return unchanged.stands(session)


def clock(session: Session) -> tuple[Any, ...]:
    with warehouse.connect(session.path, read_only=True) as connection:
        row = connection.execute("select as_of, run_id from meta.run_clock").fetchone()
    assert row is not None
    return row


def test_same_content_on_the_same_day_stands_and_the_clock_says_what_the_tables_show(built: Session) -> None:
    for stream, records in STREAMS.items():
        land(built.path, stream, records if stream != "source_counts" else [{**records[0], "counted_at": "later"}])
    land(built.path, "deals", [])
    assert stands_after_begin(built)
    assert clock(built) == (BUILT, "run-1")
    audited(built)
    assert publish(built)["outcome"] == "unchanged"


def test_a_run_that_leaves_the_tables_standing_has_its_rows_of_evidence(built: Session) -> None:
    built.reports.append(StreamReport("hubspot", "hubspot", "deals", "incremental"))
    land(built.path, "source_counts", [{"id": "deals", "live": 2, "counted_at": "2026-04-09T11:00:00Z"}])
    assert stands_after_begin(built)
    with warehouse.connect(built.path, read_only=True) as connection:
        rows = connection.execute("from meta.source_reconciliation where run_id = 'run-2'").fetchall()
    eleven = datetime(2026, 4, 9, 11, tzinfo=UTC)
    assert rows == [("hubspot", "deals", "run-2", built.as_of, built.started_at, 2, 2, eleven, 0)]
    audited(built)
    assert publish(built)["outcome"] == "unchanged", "counts alone publish nothing"


@pytest.mark.parametrize(
    ("stream", "records"),
    [
        ("deals", [{"id": "2", "properties": {"amount": "21"}}]),
        ("deals", [{"id": "3", "properties": {"amount": "1"}}]),
        ("deal_pipelines", STREAMS["deal_pipelines"][:1]),
        ("source_counts", [{"id": "deals", "live": 3, "counted_at": "2026-04-09T10:00:00Z"}]),
    ],
    ids=["changed", "new", "pipeline gone", "another count"],
)
def test_other_content_is_built(built: Session, stream: str, records: list[dict[str, Any]]) -> None:
    land(built.path, stream, records)
    assert not stands_after_begin(built)
    assert clock(built) == (built.as_of, "run-2")


def test_another_day_of_the_reporting_time_zone_is_built(built: Session) -> None:
    late = replace(built, as_of=datetime(2026, 4, 9, 23, 30, tzinfo=UTC))
    assert stands_after_begin(late)
    assert not unchanged._same_day(BUILT, late.as_of, "Europe/Berlin")
    assert not stands_after_begin(replace(built, as_of=datetime(2026, 4, 10, 0, 0, 1, tzinfo=UTC)))


def test_an_event_between_the_two_instants_is_built(built: Session) -> None:
    with warehouse.connect(built.path) as connection:
        connection.execute("insert into intermediate.int_deal_events values (?)", [BUILT + timedelta(minutes=1)])
    assert not stands_after_begin(built)


@pytest.mark.parametrize("asked", [{"as_of": "2026-04-09"}, {"publish": True}, {"full": True}, {"accept": ("x",)}])
def test_what_was_asked_for_is_done(built: Session, asked: dict[str, Any]) -> None:
    assert not stands_after_begin(replace(built, request=replace(built.request, **asked)))


@pytest.mark.parametrize(
    "change",
    [
        "update meta.configured_sources set home_currency = 'USD'",
        "insert into meta.configured_rates values ('USD', 'spot', null, 0.9)",
        "update meta.built_project set fingerprint = 'other'",
        "delete from meta.built_project",
        "drop table meta.last_build",
        "update marts.dim_deals set value = 2",
        "insert into meta.load_rejects (window_id) values ('w9')",
    ],
)
def test_other_configuration_project_or_tables_are_built(built: Session, change: str) -> None:
    with warehouse.connect(built.path) as connection:
        connection.execute("insert into meta.configured_sources select 'hubspot', 'hubspot', null, null where false")
        if "configured_sources" in change:
            change = "insert into meta.configured_sources values ('hubspot', 'hubspot', 'USD', null)"
        connection.execute(change)
    if "load_rejects" in change:
        land_to_nine(built.path)
    assert not stands_after_begin(built)


def land_to_nine(path: Path) -> None:
    """Windows up to w9, all empty."""
    for _ in range(9 - len(STREAMS)):
        land(path, "deals", [])


def test_a_model_of_ones_own_is_built_when_it_comes_changes_and_goes(built: Session) -> None:
    path = built.home.models / "wins.sql"
    path.parent.mkdir()
    for text in ("select 1 as a", "select 2 as a"):
        path.write_text(text)
        own_package.sync(built.home)
        assert not stands_after_begin(built)
        warehouse.write_built_project(built.path, unchanged.dbt_build.fingerprint(built.settings))
        with warehouse.connect(built.path) as connection:
            connection.execute("update meta.last_build set project = (select fingerprint from meta.built_project)")
        assert stands_after_begin(built)
    path.unlink()
    own_package.sync(built.home)
    assert not stands_after_begin(built)


def test_tables_that_were_never_published_are_built(built: Session) -> None:
    (built.home.published / "current").unlink()
    assert table_contents(built)
    assert not stands_after_begin(built)


def test_a_changed_list_of_properties_is_another_project(settings: Settings) -> None:
    given = Config(properties={"hubspot": {"deals": {"margin": {"type": "money"}}}})
    amounts = Config(amount_property={"hubspot": {"default": "hs_arr"}})
    told = [unchanged.dbt_build.fingerprint(replace(settings, config=c)) for c in (Config(), given, amounts, Config())]
    assert len(set(told)) == 3
    assert told[0] == told[3]

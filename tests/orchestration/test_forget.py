"""Forgetting, piece by piece over small homes: publications, by-products, and being killed in between."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import duckdb
import pytest

from ingestion.forgotten import FILE, Forgotten
from ingestion.landing import Landing
from ingestion.settings import Settings
from orchestration import forget as module
from orchestration import status, warehouse
from orchestration.errors import BuildFailed, FunnelError
from orchestration.forget import forget
from orchestration.forget_releases import Names, exchange, in_releases
from orchestration.forget_traces import in_traces, scrubbed
from orchestration.home import Home
from orchestration.ledger import Check, record_checks
from orchestration.publish import publish, releases
from orchestration.rollback import check_whole, current_id
from orchestration.session import Session
from tests.orchestration.conftest import AS_OF, fill, session_of

KEY, HASH = "hubspot:5001", "0123456789abcdef0123456789abcdef"
NAMES = Names({KEY}, {HASH})
PEOPLE = (
    "create or replace table marts.dim_leads as select 'hubspot:' || i as lead_key, 'hash' || i as person_hash "
    "from range(5000, 5003) r(i)",
    f"update marts.dim_leads set person_hash = '{HASH}' where lead_key = '{KEY}'",
    "create or replace table marts.fct_lead_transitions as "
    "select md5(lead_key || n) as lead_transition_key, lead_key, n as visit_number from marts.dim_leads, range(2) t(n)",
    "alter table marts.dim_deals add column if not exists lead_key varchar",
    f"update marts.dim_deals set lead_key = case deal_key when 'hubspot:1' then '{KEY}' else 'hubspot:5000' end",
    "insert into meta.rejected_records values ('hubspot', 'contacts', '5001', 'bad', ''), "
    "('hubspot', 'deals', '5001', 'bad', '')",
)


def landed(settings: Settings) -> str:
    with Landing(settings.landing).write("hubspot", "hubspot", "contacts", "full") as writer:
        for number in (5000, 5001):
            writer.write({"id": str(number), "properties": {"email_hash": HASH if number == 5001 else None}})
        return writer.commit().window_id


def ready(settings: Settings, number: int) -> Session:
    """An audited warehouse with a person in it; a warning's sample names her."""
    session = session_of(settings, f"{number:08d}-run", AS_OF + timedelta(days=number))
    fill(session, number)
    with warehouse.connect(session.path) as connection:
        for statement in PEOPLE:
            connection.execute(statement)
    named = Check("odd", "marts.dim_leads", "warn", "rejects", 1, f"lead_key {KEY}", f"hash {HASH}")
    record_checks(session.path, session.run_id, "rejects", [named], "marts.dim_leads")
    return session


@pytest.fixture
def held(settings: Settings) -> Settings:
    """A home with two publications of a person who is in landing too."""
    window = landed(settings)
    for number in (1, 2):
        publish(ready(settings, number))
    with warehouse.connect(settings.warehouse) as connection:
        connection.execute("update raw._windows set window_id = ?", [window])
    return settings


def opened(settings: Settings, name: str) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(settings.published / "releases" / name / "funnel.duckdb"), read_only=True)


def test_every_kept_publication_loses_rows_and_references_and_stays_whole(held: Settings) -> None:
    home, forgotten = Home(held.home), Forgotten(held.pii_key)
    forgotten.add([KEY], [HASH])
    before, now = {m["id"]: m for m in releases(home)}, current_id(home)
    planned = in_releases(home, forgotten, NAMES, dry_run=True)
    assert {m["id"]: m for m in releases(home)} == before
    assert in_releases(home, forgotten, NAMES) == planned
    assert planned.keys() == before.keys()
    for name, rows in planned.items():
        assert rows == {
            "marts.dim_deals": 1, "marts.dim_leads": 1, "marts.fct_lead_transitions": 2, "meta.check_results": 1,
            "meta.rejected_records": 1,
        }  # fmt: skip
        manifest = check_whole(home, name)
        folder = home.published / "releases" / name
        text = (folder / "manifest.json").read_text()
        assert KEY not in text
        assert HASH not in text
        assert manifest["forgotten"][0]["rows"] == rows
        assert manifest["contents"]["marts.dim_leads"] != before[name]["contents"]["marts.dim_leads"]
        assert (
            manifest["contents"]["marts.fct_stage_transitions"]
            == before[name]["contents"]["marts.fct_stage_transitions"]
        )
        with opened(held, name) as connection:
            ask = connection.execute
            assert ask("select lead_key from marts.dim_leads order by 1").fetchall() == [
                ("hubspot:5000",),
                ("hubspot:5002",),
            ]
            assert ask("select count(*) from marts.fct_lead_transitions").fetchone() == (4,)
            assert ask("select count(*), count(lead_key) from marts.dim_deals").fetchone() == (50, 49)
            assert ask("select stream from meta.rejected_records order by 1").fetchall() == [("deals",), ("deals",)]
            assert ask("select sample, message from meta.check_results where \"check\" = 'odd'").fetchone() == (
                "lead_key ***", "hash ***",
            )  # fmt: skip
            parquet = folder / "parquet" / "dim_leads.parquet"
            assert ask(f"select count(*) from '{parquet}'").fetchone() == (2,)
            version = ask("select tags['storage_version'] from duckdb_databases() where not internal").fetchone()
            assert version[0].startswith("v1.0.0")
    assert current_id(home) == now
    assert {p.name for p in (home.published / "releases").iterdir()} == set(before)
    assert in_releases(home, forgotten, NAMES) == {}


def test_the_list_alone_finds_people_in_a_restored_publication(held: Settings) -> None:
    forgotten = Forgotten(held.pii_key)
    forgotten.add([], [HASH])
    found = in_releases(Home(held.home), forgotten, Names(set(), set()))
    assert all(rows["marts.dim_deals"] == 1 for rows in found.values())
    assert len(found) == 2


def test_readers_meet_no_error_while_folders_change_places(tmp_path: Path) -> None:
    for name, text in (("here", "1"), ("there", "2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(text)
    stop, wrong, seen = Event(), [], set()

    def read() -> None:
        while not stop.is_set():
            try:
                seen.add((tmp_path / "here" / "file").read_text())
            except OSError as error:
                wrong.append(error)

    reader = Thread(target=read)
    reader.start()
    for _ in range(500):
        exchange(tmp_path / "there", tmp_path / "here")
    stop.set()
    reader.join()
    assert (wrong, seen) == ([], {"1", "2"})


def test_folders_change_places_where_the_system_cannot_do_it_in_one_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    monkeypatch.setattr("orchestration.forget_releases.ctypes.CDLL", lambda *_, **__: object())
    exchange(tmp_path / "there", tmp_path / "here")
    assert [(tmp_path / "here" / "there").exists(), (tmp_path / "there" / "here").exists()] == [True, True]
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f"deal of {KEY}, {HASH}", "deal of hubspot:0, 0"),
        ("GET /crm/v3/objects/contacts/5001?x", "GET /crm/v3/objects/contacts/0?x"),
        ("hubspot/contacts record 5001: odd", "hubspot/contacts record 0: odd"),
        ('{"rows": 5001, "emea:5001": 1}', '{"rows": 5001, "emea:5001": 1}'),
        ("hubspot:50012 stays", "hubspot:50012 stays"),
        ('{"id": 7654321, "t": 1.7654321, "x": "a7654321"}', '{"id": 0, "t": 1.7654321, "x": "a7654321"}'),
    ],
)  # fmt: skip
def test_names_are_taken_out_of_texts_and_numbers_left(text: str, clean: str) -> None:
    assert scrubbed(text, {KEY, "hubspot:7654321"}, {HASH}) == clean


def test_logs_and_run_history_lose_the_names(settings: Settings) -> None:
    home = Home(settings.home)
    home.log.write_text(f"before {KEY} after\n")
    home.last_run.write_text(json.dumps({"message": f"sample {HASH}", "rows": 5001}))
    (home.root / "pii.key").write_text(HASH)  # the user's own: not looked at
    database = home.dagster / "runs.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("create table events (id integer, event text)")
        connection.execute("insert into events values (5001, ?), (2, 'other')", [json.dumps({"sample": f"key {KEY}"})])
        connection.commit()
    assert in_traces(home, NAMES, dry_run=True) == ["dagster/runs.db", "logs/funnel.log", "logs/last_run.json"]
    assert KEY in home.log.read_text()
    in_traces(home, NAMES)
    assert home.log.read_text() == "before hubspot:0 after\n"
    assert json.loads(home.last_run.read_text()) == {"message": "sample 0", "rows": 5001}
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("select id, event from events").fetchall()
    assert rows == [(5001, '{"sample": "key hubspot:0"}'), (2, "other")]
    for path in home.dagster.iterdir():
        assert KEY.encode() not in path.read_bytes()
    assert (home.root / "pii.key").read_text() == HASH
    assert in_traces(home, NAMES) == []


def test_a_log_that_is_open_goes_on(settings: Settings) -> None:
    home, logger = Home(settings.home), logging.getLogger("funnel")
    handler = logging.FileHandler(home.log)
    logger.addHandler(handler)
    try:
        logger.warning("about %s", KEY)
        in_traces(home, NAMES)
        logger.warning("afterwards")
    finally:
        logger.removeHandler(handler)
        handler.close()
    assert home.log.read_text() == "about hubspot:0\nafterwards\n"


def test_interrupted_forgetting_stops_publishing_until_it_is_finished_without_a_name(
    held: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[Any] = []

    @contextmanager
    def failing(*_: Any) -> Iterator[Session]:
        raise BuildFailed("dbt could not build")
        yield

    @contextmanager
    def working(settings: Settings, as_of: Any, say: Any, edit: Any) -> Iterator[Session]:
        with warehouse.connect(settings.warehouse) as connection:
            edit(connection)
            books = connection.execute("select count(*) from meta.check_results where sample like '%5001%'").fetchone()
        done.append((as_of, books))
        yield session_of(settings)

    monkeypatch.setattr(module, "remade", failing)
    with pytest.raises(BuildFailed):
        forget(held, KEY, say=lambda text: None)
    listed = json.loads((held.home / FILE).read_text())
    assert (listed["unfinished"], len(listed["people"])) == (True, 1)
    later = ready(held, 3)
    with warehouse.connect(held.warehouse) as connection:
        connection.execute("update raw._windows set window_id = ?", [next(Landing(held.landing).windows()).window_id])
    with pytest.raises(FunnelError, match=r"interrupted.*without a name"):
        publish(later)
    assert "`funnel forget` without a name finishes it" in status.text(status.collect(held))

    monkeypatch.setattr(module, "remade", working)
    monkeypatch.setattr(module, "put_in_place", lambda home, made: None)
    found = forget(held, None, say=lambda text: None)
    assert (found["outcome"], found["landing"], found["publications"]) == ("forgotten", {}, {})
    assert json.loads((held.home / FILE).read_text())["unfinished"] is False
    assert done[0][0] == AS_OF + timedelta(days=3)
    assert publish(later)["outcome"] == "published"


def test_a_window_that_landing_has_lost_is_no_ground_to_rebuild_on(settings: Settings) -> None:
    landed(settings)
    ready(settings, 1)  # its raw._windows names w1
    with pytest.raises(FunnelError, match=r"lacks 1 windows.*w1"):
        forget(settings, KEY, say=lambda text: None)
    assert not (settings.home / FILE).exists()


def test_the_person_is_not_in_the_lock_file(held: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["funnel", "forget", KEY])
    assert forget(held, KEY, dry_run=True, say=lambda text: None)["landing"] == {"hubspot/contacts": 1}
    assert KEY not in Home(held.home).lock.read_text()

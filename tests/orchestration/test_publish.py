"""Publication: complete, immutable, switched to in one step, forward only, and never without an audit."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread

import duckdb
import pytest

from ingestion.settings import Settings
from orchestration import warehouse
from orchestration.errors import AuditRefused
from orchestration.home import Home
from orchestration.ledger import Check, record_checks
from orchestration.publish import prune, publish, switch
from tests.orchestration.conftest import AS_OF, audited, fill, session_of

PUBLICATIONS = 50 if os.environ.get("FUNNEL_SOAK") else 9
"""While readers look on: fifty at `FUNNEL_SOAK=1 pytest tests/orchestration/test_publish.py -k readers`."""


def published(settings: Settings, number: int, **request: object) -> dict:
    as_of = AS_OF + timedelta(days=number)
    session = session_of(settings, f"{number:08d}-run", as_of, **request)
    fill(session, number)
    return publish(session)


def test_release_is_complete_and_hashed(settings: Settings) -> None:
    manifest = published(settings, 1)
    current = settings.published / "current"
    assert manifest["outcome"] == "published"
    assert current.readlink() == Path("releases") / manifest["id"]
    assert json.loads((current / "manifest.json").read_text())["id"] == manifest["id"]
    files = {str(p.relative_to(current.resolve())) for p in current.resolve().rglob("*") if p.is_file()}
    assert files == {"manifest.json", *manifest["files"]}
    for name, entry in manifest["files"].items():
        assert hashlib.sha256((current / name).read_bytes()).hexdigest() == entry["sha256"]
    assert manifest["tables"]["marts.dim_deals"] == {"rows": 50, "parquet": "parquet/dim_deals.parquet"}
    assert manifest["window_ids"] == ["w1"]
    assert manifest["sources"]["hubspot"]["age_hours"] == pytest.approx(36.0)
    assert manifest["sources"]["hubspot"]["last_window_end"] == "2026-04-09T10:00:00+00:00"


def test_published_file_is_plain_old_and_without_private_columns(settings: Settings) -> None:
    manifest = published(settings, 1)
    file = settings.published / "current" / "funnel.duckdb"
    with duckdb.connect(str(file.resolve()), read_only=True) as connection:
        ask = connection.execute
        tables = ask("select table_schema, table_name, table_type from information_schema.tables").fetchall()
        assert {kind for _, _, kind in tables} == {"BASE TABLE"}
        assert {f"{schema}.{name}" for schema, name, _ in tables} == set(manifest["tables"])
        assert ask("select count(*) from duckdb_constraints()").fetchone() == (0,)
        columns = [row[0] for row in ask("describe meta.rejected_records").fetchall()]
        assert columns == ["source", "stream", "record_id", "reason"]
        assert ask("select id from meta.publications").fetchall() == [(manifest["id"],)]
        parquet = settings.published / "current" / "parquet" / "dim_deals.parquet"
        exact = ask("select sum(amount) from marts.dim_deals").fetchone()
        assert ask(f"select sum(amount) from '{parquet}'").fetchone() == exact
        version = ask("select tags['storage_version'] from duckdb_databases() where not internal").fetchone()
        assert version[0].startswith("v1.0.0")
    assert b"the raw record, private" not in file.read_bytes()


def test_labels_of_columns_are_published(settings: Settings) -> None:
    session = session_of(settings)
    fill(session, 1)
    with warehouse.connect(session.path) as connection:
        connection.execute("comment on column marts.dim_deals.value is 'The deal''s worth (hubspot:value)'")
    publish(session)
    with duckdb.connect(
        str((settings.published / "current" / "funnel.duckdb").resolve()), read_only=True
    ) as connection:
        comments = connection.execute("select column_name, comment from duckdb_columns() where comment is not null")
        assert comments.fetchall() == [("value", "The deal's worth (hubspot:value)")]


def test_unchanged_tables_are_not_published_again_unless_asked(settings: Settings) -> None:
    first = published(settings, 1)
    again = session_of(settings, "00000002-run", AS_OF + timedelta(days=2))
    fill(again, 1)
    assert publish(again) | {"outcome": ""} == first | {"outcome": ""}
    assert publish(again)["outcome"] == "unchanged"
    forced = session_of(settings, "00000003-run", AS_OF + timedelta(days=3), publish=True)
    fill(forced, 1)
    assert publish(forced)["outcome"] == "published"


def test_an_older_replay_does_not_move_current_unless_forced(settings: Settings) -> None:
    newest = published(settings, 5)
    replay = published(settings, 2)
    current = settings.published / "current"
    assert replay["outcome"] == "release_only"
    assert current.readlink().name == newest["id"]
    assert (settings.published / "releases" / replay["id"] / "funnel.duckdb").exists()
    forced = published(settings, 3, publish=True)
    assert forced["outcome"] == "published"
    assert current.readlink().name == forced["id"]


def test_prune_keeps_the_newest_and_current_and_removes_leftovers(settings: Settings) -> None:
    ids = [published(settings, number)["id"] for number in range(1, 6)]
    home, folder = Home(settings.home), settings.published / "releases"
    assert sorted(p.name for p in folder.iterdir()) == sorted(ids)[-3:]
    switch(home, sorted(ids)[-3])
    (folder / ".20260101T000000Z-killed").mkdir()
    assert prune(home, keep=1) == [sorted(ids)[-2]]
    assert sorted(p.name for p in folder.iterdir()) == [sorted(ids)[-3], sorted(ids)[-1]]


def test_publications_are_remembered_even_when_the_run_died_before_it_could(settings: Settings) -> None:
    first = published(settings, 1)
    with warehouse.connect(settings.warehouse) as connection:
        connection.execute("delete from meta.publications")  # killed between the switch and the record
    second = published(settings, 2)
    with warehouse.connect(settings.warehouse, read_only=True) as connection:
        rows = connection.execute("select id, files from meta.publications order by id").fetchall()
    assert [row[0] for row in rows] == sorted([first["id"], second["id"]])
    assert json.loads(rows[0][1])["funnel.duckdb"]["sha256"] == first["files"]["funnel.duckdb"]["sha256"]


@pytest.mark.parametrize(
    ("kind", "check", "named"),
    [
        ("dbt", Check("tiles", "marts.fct_stage_transitions", "fail", "dbt", 3, "deal_key hubspot:1"), "hubspot:1"),
        ("gate", Check("mart.key_is_unique", "marts.mart_sales_kpis_monthly", "error", "gate"), "mart.key_is_unique"),
        ("reconciliation", Check("reconciliation", "meta.source_reconciliation", "fail", "reconciliation"), "reconcil"),
        ("rejects", Check("rejected_share", "meta.rejected_records", "fail", "rejects"), "rejected_share"),
    ],
)
def test_a_recorded_refusal_stops_publication_whatever_the_order_of_steps(
    settings: Settings, kind: str, check: Check, named: str
) -> None:
    before = published(settings, 1)
    session = session_of(settings, "00000002-run", AS_OF + timedelta(days=2))
    fill(session, 2)
    record_checks(session.path, session.run_id, kind, [check])
    with pytest.raises(AuditRefused, match=named):
        publish(session)
    assert (settings.published / "current").readlink().name == before["id"]
    assert len(list((settings.published / "releases").iterdir())) == 1


@pytest.mark.parametrize("kind", ["dbt", "gate", "reconciliation", "rejects"])
def test_a_part_of_the_audit_without_trace_stops_publication(settings: Settings, kind: str) -> None:
    session = session_of(settings)
    fill(session, 1)
    record_checks(session.path, session.run_id, kind, [])
    with pytest.raises(AuditRefused, match=f"Not audited: .*{kind}"):
        publish(session)
    assert not (settings.published / "current").exists()


def test_a_failure_while_writing_leaves_nothing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    before = published(settings, 1)
    session = session_of(settings, "00000002-run", AS_OF + timedelta(days=2))
    fill(session, 2)
    full = OSError(28, "No space left")
    monkeypatch.setattr("orchestration.publish.file_entry", lambda path: (_ for _ in ()).throw(full))
    with pytest.raises(OSError, match="No space"):
        publish(session)
    assert [p.name for p in (settings.published / "releases").iterdir()] == [before["id"]]
    assert (settings.published / "current").readlink().name == before["id"]


def test_readers_never_see_a_mix_or_an_error(settings: Settings) -> None:
    published(settings, 1)
    current, stop, wrong, seen = settings.published / "current", Event(), [], set()
    opened = str((current / "funnel.duckdb").resolve())
    old = duckdb.connect(opened, read_only=True)  # a BI tool that keeps its connection for ever

    def read() -> None:
        while not stop.wait(0.01):
            try:
                folder = current.resolve()
                with duckdb.connect(str(folder / "funnel.duckdb"), read_only=True) as connection:
                    values = connection.execute(
                        """select min(value), max(value), count(*) from (select value from marts.dim_deals
                             union all select value from marts.fct_stage_transitions)"""
                    ).fetchone()
                low, high, rows = values
                if low != high or rows != 100:
                    wrong.append(values)
                seen.add(low)
            except Exception as error:  # noqa: BLE001 whatever a reader meets is a finding
                wrong.append(error)

    readers = [Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(2, PUBLICATIONS + 1):
        session = session_of(settings_with(settings, keep=60), f"{number:08d}-run", AS_OF + timedelta(days=number))
        fill(session, number)
        publish(session)
    stop.set()
    for reader in readers:
        reader.join()
    assert wrong == []
    assert len(seen) > 3
    assert old.execute("select distinct value from marts.dim_deals").fetchall() == [(1,)]
    old.close()
    with duckdb.connect(str((current / "funnel.duckdb").resolve()), read_only=True) as anew:
        assert anew.execute("select distinct value from marts.dim_deals").fetchall() == [(PUBLICATIONS,)]


def settings_with(settings: Settings, keep: int) -> Settings:
    return Settings(settings.home, settings.connections, settings.config, settings.pii_key, keep)


def test_audit_of_another_run_does_not_count(settings: Settings) -> None:
    session = session_of(settings, "a-run")
    fill(session, 1)
    later = session_of(settings, "b-run")
    warehouse.write_run_clock(later.path, later.as_of, later.run_id, later.started_at)
    with pytest.raises(AuditRefused, match="Not audited"):
        publish(later)
    audited(later)
    assert publish(later)["outcome"] == "published"

"""A window is complete or does not exist; what is loaded is what was landed; a rerun adds nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.errors import LandingError
from ingestion.landing import MANIFEST, ROWS_A_PART, Landing
from ingestion.loading import RawReader, load_new, open_warehouse


def land(home: Path, records: list[dict], stream: str = "deals", source: str = "hubspot") -> str:
    with Landing(home / "landing").write(source, "hubspot", stream, "full") as writer:
        for record in records:
            writer.write(record)
        return writer.commit(details={"resume_ms": 5}).window_id


def rows(home: Path, sql: str) -> list[tuple]:
    with open_warehouse(home / "warehouse.duckdb") as connection:
        return connection.execute(sql).fetchall()


def load(home: Path) -> list:
    return load_new(home / "warehouse.duckdb", home / "landing")


def test_every_record_once_in_order_over_several_parts(tmp_path: Path) -> None:
    count = 2 * ROWS_A_PART + 7
    land(tmp_path, [{"id": str(n), "properties": {"dealname": f"Сделка {n}"}} for n in range(count)])
    [report] = load(tmp_path)
    assert (report.rows, report.rejected) == (count, 0)
    assert load(tmp_path) == []
    assert rows(tmp_path, "select count(*), count(distinct record_id), max(part) from raw.hubspot__deals") == [
        (count, count, 2)
    ]
    sql = f"select record_id, record ->> '$.properties.dealname' from raw.hubspot__deals where part = 1 and line = {3}"
    assert rows(tmp_path, sql) == [(str(ROWS_A_PART + 2), f"Сделка {ROWS_A_PART + 2}")]


def test_an_uncommitted_window_does_not_exist(tmp_path: Path) -> None:
    landing = Landing(tmp_path / "landing")
    with landing.write("hubspot", "hubspot", "deals", "full") as writer:
        writer.write({"id": "1"})
    assert list((tmp_path / "landing/hubspot/deals").iterdir()) == []


def test_what_a_killed_run_left_is_ignored_and_removed(tmp_path: Path) -> None:
    window = land(tmp_path, [{"id": "1"}])
    half = tmp_path / "landing/hubspot/deals/20990101T000000000000Z-abc"
    half.mkdir()
    (half / "part-00000.ndjson.zst").write_bytes(b"half a par")
    (half / f".{MANIFEST}").write_text("{")
    landing = Landing(tmp_path / "landing")
    assert [w.window_id for w in landing.windows()] == [window]
    assert landing.remove_unfinished() == 1
    assert not half.exists()


def test_a_record_without_id_is_kept_as_a_reject(tmp_path: Path) -> None:
    land(tmp_path, [{"id": "1"}, {"id": None, "properties": {"amount": "5"}}, {"properties": {}}])
    [report] = load(tmp_path)
    assert (report.rows, report.rejected) == (1, 2)
    assert rows(tmp_path, "select stream, reason, line, record from meta.load_rejects order by line") == [
        ("deals", "the record has no id", 2, '{"id":null,"properties":{"amount":"5"}}'),
        ("deals", "the record has no id", 3, '{"properties":{}}'),
    ]


def test_a_damaged_part_stops_loading_and_leaves_nothing(tmp_path: Path) -> None:
    land(tmp_path, [{"id": "1"}])
    second = land(tmp_path, [{"id": "2"}])
    part = next((tmp_path / "landing/hubspot/deals" / second).glob("part-*"))
    part.write_bytes(part.read_bytes()[:-1] + b"\x00")
    with pytest.raises(LandingError, match="sha256"):
        load(tmp_path)
    assert rows(tmp_path, "select record_id from raw.hubspot__deals") == [("1",)]
    assert rows(tmp_path, "select count(*) from raw._windows") == [(1,)]


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    window = land(tmp_path, [{"id": "1"}])
    (tmp_path / "landing/hubspot/deals" / window / MANIFEST).write_text("{")
    with pytest.raises(LandingError, match=window):
        load(tmp_path)


def test_the_newest_version_is_by_loading_order_then_line(tmp_path: Path) -> None:
    land(tmp_path, [{"id": "1", "v": "a"}, {"id": "1", "v": "b"}, {"id": "2", "v": "x"}])
    land(tmp_path, [{"id": "1", "v": "c"}])
    land(tmp_path, [{"id": "1", "v": "other portal"}], source="second")
    load(tmp_path)
    with open_warehouse(tmp_path / "warehouse.duckdb") as connection:
        reader = RawReader(connection, "hubspot", "hubspot")
        assert list(reader.newest("deals", ["$.v"])) == [("1", 2, "c"), ("2", 1, "x")]
        window = reader.last_window("deals")
        assert window is not None
        assert window["resume_ms"] == 5
        assert reader.last_window("contacts") is None


def test_the_warehouse_is_private(tmp_path: Path) -> None:
    load(tmp_path)
    assert (tmp_path / "warehouse.duckdb").stat().st_mode & 0o777 == 0o600

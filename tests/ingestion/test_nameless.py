"""A record that comes without its id is set aside; it neither looks purged nor makes the counts differ."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.sandbox import faults
from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from tests.ingestion.test_hubspot import absent, good, newest, query, sync


def nameless(sandbox: Sandbox, count: int) -> list[int]:
    spec = {"kind": "null_id", "object": "deals", "count": count}
    return [int(entry["id"]) for entry in faults.garble(sandbox.world, sandbox.shapes.quirks, spec)]


def bracket(home: Path) -> tuple[int, int]:
    """Between which counts the source says that live deals lie."""
    sql = """select (record ->> 'bracket_low')::int, (record ->> 'bracket_high')::int from raw.hubspot__source_counts
             where record_id = 'deals' order by window_seq desc limit 1"""
    return query(home, sql)[0]


def set_aside(home: Path) -> int:
    return query(home, "select count(*) from meta.load_rejects where stream = 'deals'")[0][0]


@pytest.fixture
def sandbox():
    with Sandbox(World(seed=11, deals=150), rate=None, search_rate=None) as running:
        yield running


def test_at_a_first_full_sync_the_counts_allow_for_it(tmp_path: Path, sandbox: Sandbox) -> None:
    ids, live = nameless(sandbox, 3), len(sandbox.world.view("deals").live)
    good(sync(tmp_path, sandbox))
    assert not set(ids) & set(newest(tmp_path, "deals"))
    assert set_aside(tmp_path) >= 3
    assert bracket(tmp_path) == (live - 3, live)
    good(sync(tmp_path, sandbox))
    assert bracket(tmp_path) == (live - 3, live)


@pytest.mark.parametrize("full", [True, False])
def test_a_known_deal_keeps_what_is_known_of_it(tmp_path: Path, sandbox: Sandbox, full: bool) -> None:
    good(sync(tmp_path, sandbox))
    [number], before = nameless(sandbox, 1), newest(tmp_path, "deals")
    purged = sandbox.world.view("deals").live[50]
    sandbox.world.write("deals", number, {"amount": "12345"})
    sandbox.world.purge("deals", purged)
    good(sync(tmp_path, sandbox, full=full))
    assert set_aside(tmp_path) >= 1
    assert absent(tmp_path, "deals") == {purged}
    assert newest(tmp_path, "deals")[number] == before[number]
    low, high = bracket(tmp_path)
    assert low <= len(sandbox.world.view("deals").live) <= high

    sandbox.shapes.quirks.garble.clear()
    sandbox.world.write("deals", number, {"amount": "54321"})
    good(sync(tmp_path, sandbox))
    assert "54321" in newest(tmp_path, "deals")[number]
    assert absent(tmp_path, "deals") == {purged}

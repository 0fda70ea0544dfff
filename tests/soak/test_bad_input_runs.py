"""Bad input by whole runs: records over the limit as they are read, and a disk that is full and has room again."""

# ruff: noqa: F811 (pytest finds fixtures by the names of arguments)

from __future__ import annotations

from pathlib import Path

from ingestion.sandbox import faults
from tests.e2e.conftest import beginning  # noqa: F401 a fixture
from tests.e2e.product import differences
from tests.e2e.test_bad_input import Bench, bench, full_twice, place, refused_for_rejects  # noqa: F401 fixtures


def test_more_than_one_in_a_hundred_bad_records_is_3(bench: Bench) -> None:
    before, sandbox = bench.state(), bench.sandbox
    faults.garble(sandbox.world, sandbox.shapes.quirks, {"kind": "bad_date", "object": "deals", "count": 12})
    refused_for_rejects(bench, bench.run("--full"))
    assert bench.state() == before


def test_after_a_full_disk_all_is_as_if_nothing_had_been(bench: Bench, tmp_path: Path) -> None:
    """The run with room again has a second connection, which is refused: exit 4, the good one's data is published."""
    before = bench.state()
    full_twice(bench)
    done = bench.run(HUBSPOT__SECOND_ACCESS_TOKEN="pat-eu1-second-wrong")
    assert done.code == 4, done.text
    assert "Not refreshed: second. second/deal_pipelines: HubSpot refused the token" in done.message
    assert "in HUBSPOT__SECOND_ACCESS_TOKEN and run again" in done.message
    assert "pat-eu1-second-wrong" not in done.text
    assert list(done.outcome["failed_sources"]) == ["second"]
    assert bench.state()[0] != before[0]
    assert not any(differences(bench.product.published, bench.sandbox.world, tmp_path).values())

"""A list of properties in funnel.yml that changes: just what is new is read, with pages as large as they may be."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Any

import orjson

from ingestion.sandbox import custom
from ingestion.sandbox.serve import Sandbox
from tests.ingestion.test_hubspot import (
    _no_waiting,  # noqa: F401 - a fixture
    good,
    newest,
    query,
    sandbox,  # noqa: F401 - a fixture
    sync,
)

SEGMENT = "industry_segment: {}"
MARGIN = "expected_margin: {type: money, history: true}"


def listing(home: Path, *properties: str) -> None:
    home.mkdir(exist_ok=True)
    (home / "funnel.yml").write_text(f"properties: {{hubspot: {{deals: {{{', '.join(properties)}}}}}}}\n")


def landed(home: Path) -> dict[int, dict[str, Any]]:
    """{deal: its newest record of the stream deal_properties}."""
    return {number: orjson.loads(text) for number, text in newest(home, "deal_properties").items()}


def test_a_changed_list_reads_just_what_is_new(tmp_path: Path, sandbox: Sandbox) -> None:  # noqa: F811
    home, view = tmp_path / "home", sandbox.world.view("deals")
    counts = len(view.live), len(view.archived)
    listing(home)
    good(sync(home, sandbox))

    def change(*properties: str) -> tuple[int, int, int]:
        """(records of deal_properties landed, requests for it, deals read again)."""
        listing(home, *properties)
        reports = good(sync(home, sandbox))
        return reports["deal_properties"].rows, reports["deal_properties"].requests, reports["deals"].rows

    assert min(counts) > 0
    assert change(SEGMENT) == (sum(counts), sum(ceil(count / 100) for count in counts), 0)
    records = landed(home)
    assert set(records) == set(view.live) | set(view.archived)
    assert all(
        record["properties"] == {"industry_segment": custom.segment(number) or None}
        for number, record in records.items()
    )
    assert change(SEGMENT) == (0, 0, 0)
    assert change(SEGMENT, MARGIN) == (sum(counts), sum(ceil(count / 50) for count in counts), 0)
    records = landed(home)
    assert {name for record in records.values() for name in record["properties"]} == {"expected_margin"}
    world = sandbox.world
    amounts = {
        number: sum(change.name == "amount" for change in world.objects["deals"][number].upto(world.now))
        for number in records
    }
    assert {n: len(r["propertiesWithHistory"]["expected_margin"]) for n, r in records.items()} == amounts
    assert change(MARGIN) == (0, 0, 0)
    assert change() == (0, 0, 0)
    assert change(MARGIN.replace("true", "false"))[0] == sum(counts)
    assert change(MARGIN)[0] == sum(counts)  # its history was not asked for meanwhile
    assert query(home, "select count(*) from raw._windows where stream = 'deal_properties'") == [(4,)]


def test_what_is_read_later_and_in_full_carries_the_properties(tmp_path: Path, sandbox: Sandbox) -> None:  # noqa: F811
    home = tmp_path / "home"
    listing(home, SEGMENT, MARGIN)
    reports = good(sync(home, sandbox))
    assert (reports["deal_properties"].rows, reports["deals"].kind) == (0, "full")
    sandbox.world.advance(20)
    listing(home, SEGMENT, MARGIN, "no_such_name: {}")
    reports = good(sync(home, sandbox))
    assert reports["deals"].rows > 5
    assert "property no_such_name of funnel.yml is not known at the source: it is null" in reports["deals"].warnings
    for number, text in newest(home, "deals").items():
        record = orjson.loads(text)
        assert record["properties"]["industry_segment"] == (custom.segment(number) or None)
        assert len(record["propertiesWithHistory"]["expected_margin"]) == len(record["propertiesWithHistory"]["amount"])


def test_where_the_deals_themselves_fail_the_late_ones_are_read_again(tmp_path: Path, sandbox: Sandbox) -> None:  # noqa: F811
    """A window of late properties alone covers nothing: only that of the deals says what they were asked for."""
    home = tmp_path / "home"
    listing(home)
    good(sync(home, sandbox))
    listing(home, SEGMENT)
    sandbox.faults.add("500", every=1, match="/search")
    assert sync(home, sandbox)["deals"].error is not None
    sandbox.faults.clear()
    first = query(home, "select count(*) from raw.hubspot__deal_properties")
    good(sync(home, sandbox))
    assert query(home, "select count(*) from raw.hubspot__deal_properties") == [(first[0][0] * 2,)]

"""What moves no modification date, and what was overlooked: found by the weekly look at everything, within a week."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tenacity import wait_none

from ingestion import client
from ingestion.extract import extract
from ingestion.loading import load_new, read_state
from ingestion.sandbox.model import SILENT
from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from ingestion.sources.hubspot import walk
from ingestion.sources.hubspot.held import Held, disagreements, is_due, links_hash, values_hash
from tests.ingestion.test_hubspot import absent, assert_complete, good, newest, query, settings, sync

DAY_MS = 86_400_000


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "BACKOFF", wait_none())
    monkeypatch.setattr(client.Pacer, "take", lambda self, allowance: None)


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Its line counts as quick, however busy this machine is: a slow one is walked by other requests."""
    monkeypatch.setattr(walk, "SLOW_ANSWER", 60.0)
    with Sandbox(World(seed=11, deals=150), rate=None, search_rate=None) as running:
        yield running


def details(home: Path, stream: str) -> dict[str, Any]:
    [(text,)] = query(
        home, f"select details from raw._windows where stream = '{stream}' order by window_seq desc limit 1"
    )
    return json.loads(text)


def as_of(world: World) -> datetime:
    return datetime.fromtimestamp(world.now / 1000, UTC)


def sync_at(home: Path, sandbox: Sandbox, when: datetime) -> Any:
    """As a run does it: the as-of says whether a look is due."""
    given = settings(home, sandbox.url)
    states = {"hubspot": read_state(given.warehouse, "hubspot", "hubspot", when)}
    reports = extract(given, states, as_of=when)
    load_new(given.warehouse, given.landing)
    return good({report.stream: report for report in reports})


def test_a_value_that_changed_without_its_date_is_found_within_a_week(tmp_path: Path, sandbox: Sandbox) -> None:
    home, world = tmp_path / "home", sandbox.world
    good(sync(home, sandbox))
    deal, person, firm = (world.view(kind).live[20] for kind in ("deals", "contacts", "companies"))
    before = newest(home, "deals")[deal]
    world.write("deals", deal, {"amount": "4711"}, by=SILENT)
    world.write("contacts", person, {"hs_lead_status": "CONNECTED"}, by=SILENT)
    assert sync_at(home, sandbox, as_of(world))["deals"].rows == 0, "nothing says that it changed"
    assert newest(home, "deals")[deal] == before

    world.advance(8)
    reports = sync_at(home, sandbox, as_of(world))
    after = json.loads(newest(home, "deals")[deal])
    assert after["properties"]["amount"] == "4711"
    assert after["propertiesWithHistory"]["amount"][0]["value"] == "4711"
    assert after["updatedAt"] == json.loads(before)["updatedAt"]
    assert details(home, "deals")["sweep"] | {"listed": 0} == {
        "listed": 0, "missing": 0, "surplus": 0, "silent_changes": 1, "sample": [str(deal)],
    }  # fmt: skip
    assert details(home, "contacts")["sweep"]["silent_changes"] == 1
    assert details(home, "companies")["sweep"]["silent_changes"] == 0
    assert f"silent change: 1 records changed, their dates did not ({deal} …)" in "".join(reports["deals"].warnings)
    assert firm in newest(home, "companies")
    assert_complete(home, sandbox, tmp_path)


def test_a_link_that_changed_is_read_again_within_a_week(tmp_path: Path, sandbox: Sandbox) -> None:
    home, world = tmp_path / "home", sandbox.world
    good(sync(home, sandbox))
    shapes, deals = sandbox.shapes, world.objects["deals"]
    linked = [n for n in world.view("deals").live if shapes.linked("deals", deals[n], "contacts", world.now)]
    [gone] = shapes.linked("deals", deals[linked[3]], "contacts", world.now)[:1]
    stranger = next(n for n in world.view("contacts").live if n != gone)
    world.link("deals", linked[3], "contacts", gone, present=False)
    world.link("deals", linked[4], "contacts", stranger)
    world.advance(8)
    read = set(newest_rows(home, "deals"))
    sync_at(home, sandbox, as_of(world))
    changed = [int(n) for n in newest_rows(home, "deal_contacts")]
    assert {linked[3], linked[4]} <= set(changed)
    assert details(home, "deal_contacts")["sweep"]["silent_changes"] >= 2
    records = newest(home, "deal_contacts")
    for number in world.view("deals").live:
        held = [int(link["toObjectId"]) for link in json.loads(records[number])["to"]]
        assert held == shapes.linked("deals", deals[number], "contacts", world.now), number
    untouched = set(records) - set(changed)
    assert len(untouched) > len(read) / 2, "only what changed is landed again"


def newest_rows(home: Path, stream: str) -> list[str]:
    """Ids of the newest window of a stream."""
    return [
        row[0]
        for row in query(
            home,
            f"""select record_id from raw.hubspot__{stream} where window_seq =
                (select max(window_seq) from raw._windows where stream = '{stream}')""",
        )
    ]


def test_what_was_overlooked_and_what_is_too_much_is_put_right(tmp_path: Path, sandbox: Sandbox) -> None:
    """A home from which a record was lost, and another that pretends to hold one too many: the count is equal."""
    home, world = tmp_path / "home", sandbox.world
    good(sync(home, sandbox))
    lost, extra = world.view("deals").live[7], 987_654_321
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute(
            "update raw.hubspot__deals set record_id = ?, record = json_merge_patch(record, ?) where record_id = ?",
            [str(extra), f'{{"id": "{extra}"}}', str(lost)],
        )
    assert sync_at(home, sandbox, as_of(world))["deals"].rows == 0, "as many here as there: no count tells"
    world.advance(8)
    reports = sync_at(home, sandbox, as_of(world))
    assert lost in newest(home, "deals")
    assert absent(home, "deals") == {extra}
    found = details(home, "deals")["sweep"]
    assert (found["missing"], found["surplus"]) == (1, 1)
    assert "1 records were missing, 1 gone at the source" in "".join(reports["deals"].warnings)


def test_the_look_is_due_once_in_seven_days_and_costs_little(tmp_path: Path) -> None:
    with Sandbox(World(seed=4, deals=600), rate=None, search_rate=None) as sandbox:
        home, world = tmp_path / "home", sandbox.world
        first = as_of(world)
        sync_at(home, sandbox, first)
        requests = {}
        for day in (0.5, 6.9, 7.1, 14.0, 14.2):
            world.set_now(round(first.timestamp() * 1000 + day * DAY_MS))
            reports = sync_at(home, sandbox, as_of(world))
            requests[day] = sum(report.requests for report in reports.values())
            swept = details(home, "deals")["sweep"] is not None
            assert swept is (day in (7.1, 14.2)), day
        pages = sum(-(-len(world.view(kind).live) // 100) for kind in world.objects)
        links = 2 * -(-len(world.view("deals").live) // 1_000)
        assert requests[0.5] <= 35
        assert requests[14.2] <= pages + links + 35
        again = sync_at(home, sandbox, as_of(world))
        assert details(home, "deals")["swept_ms"] == world.now
        assert again["deals"].warnings == ()


def test_a_replay_of_the_past_sweeps_nothing(tmp_path: Path, sandbox: Sandbox) -> None:
    home, world = tmp_path / "home", sandbox.world
    sync_at(home, sandbox, as_of(world))
    swept = details(home, "deals")["swept_ms"]
    sync_at(home, sandbox, as_of(world) - timedelta(days=60))
    assert (details(home, "deals")["sweep"], details(home, "deals")["swept_ms"]) == (None, swept)


def test_a_dropped_property_is_no_silent_change(tmp_path: Path, sandbox: Sandbox) -> None:
    home, world = tmp_path / "home", sandbox.world
    good(sync(home, sandbox))
    sandbox.shapes.quirks.removed["deals"] |= {"hs_analytics_source"}
    sync_at(home, sandbox, as_of(world))
    world.advance(8)
    sync_at(home, sandbox, as_of(world))
    assert details(home, "deals")["sweep"]["silent_changes"] == 0


def test_a_record_that_differs_from_its_history_is_read_once_more(tmp_path: Path, sandbox: Sandbox) -> None:
    """A write between two answers heals; what remains is counted and said, and never stops anything."""
    home, world = tmp_path / "home", sandbox.world
    moving, broken = world.view("deals").live[3], world.view("deals").live[5]
    rule = {"object": "deals", "property": "dealtype", "value": "renewal", "value_only": True}
    sandbox.shapes.quirks.garble += [rule | {"id": broken, "property": "amount", "value": "1"}]
    once, real = rule | {"id": moving}, sandbox.api.answer

    def answer(method: str, path: str, asked: Any, body: Any) -> Any:
        listed = method == "GET" and path.endswith("/deals")
        sandbox.shapes.quirks.garble += [once] if listed else []
        try:
            return real(method, path, asked, body)
        finally:
            sandbox.shapes.quirks.garble = [entry for entry in sandbox.shapes.quirks.garble if entry is not once]

    sandbox.api.answer = answer  # type: ignore[method-assign]
    reports = good(sync(home, sandbox))
    versions = query(
        home,
        f"""select record_id, count(*) from raw.hubspot__deals
                                 where record_id in ('{moving}', '{broken}') group by all""",
    )
    assert dict(versions) == {str(moving): 2, str(broken): 2}
    assert details(home, "deals")["history_differs"] == 1
    assert disagreements(json.loads(newest(home, "deals")[broken])) == ["amount"]
    assert disagreements(json.loads(newest(home, "deals")[moving])) == []
    assert "1 records differ from the end of their own history" in "".join(reports["deals"].warnings)
    assert sync_at(home, sandbox, as_of(world))["deals"].rows == 0, "not read again at every sync"


def test_agreement_is_of_values_not_of_spellings() -> None:
    def record(value: Any, *entries: tuple[str, str]) -> dict[str, Any]:
        history = [{"value": value, "timestamp": at} for at, value in entries]
        return {"properties": {"p": value}, "propertiesWithHistory": {"p": history}}

    early, late = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00.000Z"
    assert disagreements(record("43.0", (late, "43"), (early, "42"))) == []
    assert disagreements(record("2026-02-01T00:00:00Z", (late, "1769904000000"))) == []
    assert disagreements(record("usd", (late, "USD"))) == []
    assert disagreements(record(None, (late, ""))) == []
    assert disagreements(record("43", (early, "42"), (late, "43"))) == [], "the newest by time, wherever it stands"
    assert disagreements(record("42", (late, "43"), (early, "42"))) == ["p"]
    assert disagreements(record("43", (late, "43"), (late, "42"))) == [], "of one instant the first in the list"
    assert disagreements(record(None, (late, "43"))) == ["p"]
    assert disagreements(record("43")) == [], "no history tells nothing"


def test_hashes_are_of_content() -> None:
    one = {"amount": "5", "dealname": None, "hs_lastmodifieddate": "2026-01-01"}
    assert values_hash(one) == values_hash({"dealname": "", "amount": "5", "hs_lastmodifieddate": "2027-01-01"})
    assert values_hash(one) != values_hash({"amount": "6"})
    assert values_hash(one | {"gone": "x"}, known={"amount", "dealname"}) == values_hash(one)
    people = [{"email_hash": "a", "other": "x"}, {"email_hash": "b", "other": "x"}, {"email_hash": "a", "other": "y"}]
    hashes = [values_hash(person, known={"email"}) for person in people]
    assert hashes[0] == hashes[2] != hashes[1], "personal values are compared as they are landed"
    links = [{"toObjectId": 7, "associationTypes": [{"typeId": 3}, {"typeId": 5}]}, {"toObjectId": "8"}]
    turned = [{"toObjectId": "8"}, {"toObjectId": "7", "associationTypes": [{"typeId": 5}, {"typeId": "3"}]}]
    assert links_hash(links) == links_hash(turned) != links_hash(links[:1])
    held = Held([(9, 2**64 - 1), (3, 1)])
    assert (held.get(3), held.get(9), held.get(4)) == (1, 2**64 - 1, None)
    assert [is_due(swept, 7 * DAY_MS) for swept in (None, 0, 1)] == [True, True, False]

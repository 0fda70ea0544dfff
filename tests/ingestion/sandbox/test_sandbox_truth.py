"""The oracle: consistent in itself, and the same as what a plain reader of the wire finds."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import pytest

from ingestion.sandbox.hubspot_shapes import Shapes
from ingestion.sandbox.model import DAY, SILENT, iso, status
from ingestion.sandbox.story import state
from ingestion.sandbox.truth import rows
from ingestion.sandbox.world import World

DEALS = "/crm/v3/objects/deals"


@pytest.fixture(scope="module")
def transitions(portal):
    found = defaultdict(list)
    for row in portal.truth("transitions"):
        found[row["deal_key"]].append(row)
    return found


def test_visits_tile(transitions):
    assert len(transitions) > 550
    for visits in transitions.values():
        assert [visit["visit_number"] for visit in visits] == list(range(1, len(visits) + 1))
        assert visits[0]["transition_type"] == "entry"
        assert visits[0]["from_stage_key"] is None
        assert [visit["is_current"] for visit in visits] == [False] * (len(visits) - 1) + [True]
        assert visits[-1]["exited_at"] is visits[-1]["exit_type"] is None
        for one, two in pairwise(visits):
            assert one["exited_at"] == two["entered_at"] >= one["entered_at"]
            assert one["to_stage_key"] == two["from_stage_key"] != two["to_stage_key"]
            assert one["exit_type"] == two["transition_type"]


def test_every_kind_of_transition_occurs(transitions):
    kinds = {visit["transition_type"] for visits in transitions.values() for visit in visits}
    assert kinds == {"entry", "forward", "backward", "won", "lost", "reopened", "pipeline_change"}


def test_a_plain_reader_of_the_wire_finds_the_same(portal, transitions):
    """Visits out of the answers' histories, by other code than the oracle's."""
    listed = portal.get("/crm/v3/pipelines/deals").json()["results"]
    home = {stage["id"]: pipeline["id"] for pipeline in listed for stage in pipeline["stages"]}
    asked = {"limit": 50, "propertiesWithHistory": "dealstage", "properties": "pipeline,dealstage,amount"}
    seen = set()
    for archived in ("false", "true"):
        for deal in portal.walk(DEALS, archived=archived, **asked):
            key, stays = f"hubspot:{deal['id']}", []
            for entry in reversed(deal["propertiesWithHistory"]["dealstage"]):
                pipeline = home.get(entry["value"], "default")
                place = f"hubspot:{pipeline}:{entry['value']}"
                if not stays or stays[-1][0] != place:
                    stays.append((place, entry["timestamp"]))
            assert stays == [(visit["to_stage_key"], visit["entered_at"]) for visit in transitions[key]], key
            seen.add(key)
    assert seen == set(transitions)


def test_deals_agree_with_transitions_and_the_wire(portal, transitions):
    truth = {row["deal_key"]: row for row in portal.truth("deals")}
    merged = {key for key, row in truth.items() if row["merged_into_deal_key"]}
    assert set(transitions) == set(truth) - merged
    assert len(merged) >= 5
    for key in merged:
        assert truth[key]["outcome"] == "void"
        assert truth[truth[key]["merged_into_deal_key"]]["merged_into_deal_key"] is None, (
            "chains end at the last survivor"
        )
    for key, visits in transitions.items():
        row = truth[key]
        assert row["stage_key"] == visits[-1]["to_stage_key"]
        assert row["is_open"] + row["is_won"] + row["is_lost"] == 1
        assert row["closed_at"] == (None if row["is_open"] else visits[-1]["entered_at"])
    names = "hs_is_closed_won,hs_is_closed_lost,createdate,hubspot_owner_id,deal_currency_code"
    for deal in portal.walk(DEALS, limit=100, properties=names):
        row, properties = truth[f"hubspot:{deal['id']}"], deal["properties"]
        assert str(row["is_won"]).lower() == properties["hs_is_closed_won"]
        assert str(row["is_lost"]).lower() == properties["hs_is_closed_lost"]
        assert row["created_at"] == properties["createdate"]
        assert row["currency"] == properties["deal_currency_code"]
        assert row["owner_key"] == f"hubspot:{properties['hubspot_owner_id']}"
        assert not row["is_deleted"]


def test_month_ends(portal, transitions):
    found = portal.truth("month_ends")
    assert {row["month_end"] for row in found} >= {"2025-02-28", "2026-07-31"}
    assert max(row["month_end"] for row in found) == "2026-07-31", "August is not over at 20:00 of its last day"
    assert len({(row["month_end"], row["deal_key"]) for row in found}) == len(found)
    deals = {row["deal_key"]: row for row in portal.truth("deals")}
    for row in found:
        boundary = row["month_end"] + "T23:59:59.999Z"
        held = [visit for visit in transitions[row["deal_key"]] if visit["entered_at"] <= boundary][-1]
        assert held["to_stage_key"] == row["stage_key"]
        assert not row["stage_key"].endswith(("closedwon", "closedlost", "2209104", "2209105"))
    for key, visits in transitions.items():
        held = [visit for visit in visits if visit["entered_at"] < "2026-06-01"][-1:]
        is_open = bool(held) and not held[0]["to_stage_key"].endswith(("closedwon", "closedlost", "2209104", "2209105"))
        deleted = deals[key]["is_deleted"] and deals[key]["deleted_at"] < "2026-06-01"
        listed = any(row["deal_key"] == key and row["month_end"] == "2026-05-31" for row in found)
        assert listed == (is_open and not deleted), key


def test_time_zone_moves_the_boundary(portal):
    tokyo = portal.truth("month_ends", tz="Asia/Tokyo")
    assert max(row["month_end"] for row in tokyo) == "2026-08-31", "it is September there"


def test_source_name_and_as_of(portal):
    cut = portal.truth("transitions", source="eu:portal", as_of="2026-03-01T00:00:00Z")
    assert all(row["deal_key"].startswith("eu:portal:") for row in cut)
    assert max(row["entered_at"] for row in cut) < "2026-03-01"
    assert any(row["is_current"] and row["exit_type"] is None for row in cut)
    whole = portal.truth("transitions")
    assert len(cut) == sum(row["entered_at"] < "2026-03-01" for row in whole)


def test_leads_and_owners(portal):
    leads = {row["lead_key"]: row for row in portal.truth("leads")}
    stays = defaultdict(list)
    for row in portal.truth("lead_transitions"):
        stays[row["lead_key"]].append(row)
        assert row["to_stage"]
    ended = [key for key, visits in stays.items() if not visits[-1]["is_current"]]
    for key, visits in stays.items():
        assert key in leads
        if key not in ended:
            assert visits[-1]["to_stage"] == leads[key]["lifecycle_stage"]
    contacts = portal.walk("/crm/v3/objects/contacts", limit=100, properties="lifecyclestage")
    for contact in contacts:
        assert leads[f"hubspot:{contact['id']}"]["lifecycle_stage"] == contact["properties"]["lifecyclestage"]
    owners = portal.truth("owners")
    archived = portal.walk("/crm/v3/owners", archived="true")
    assert sum(not owner["is_active"] for owner in owners) == len(archived) == 2


def test_naive_counts(portal):
    (counts,) = portal.truth("naive")
    assert counts["archived"] == len(portal.sandbox.world.view("deals").archived)
    assert counts["merged"] == sum(bool(row["merged_into_deal_key"]) for row in portal.truth("deals"))
    for name in ("restored", "backdated", "history_tied", "reopened", "pipeline_changed", "retired_stage"):
        assert counts[name] > 0, name


def truth(world, table, key=None, **options):
    found = list(rows(world, table, **options))
    return found if key is None else [row for row in found if row["deal_key"] == key]


def test_what_could_be_seen_bounds_the_truth():
    """A record purged unseen is no row; one seen is known as last seen, deleted at the first look that misses it."""
    world = World(seed=5, deals=60)
    first, second = world.view("deals").live[:2]
    world.purge("deals", first)
    world.observe()
    seen_at = world.now
    last = truth(world, "deals", f"hubspot:{second}")[0]
    world.write("deals", second, {"dealstage": "closedwon" if not last["is_won"] else "closedlost"})
    world.purge("deals", second)
    world.advance(1)
    assert truth(world, "deals", f"hubspot:{first}") == []
    row = truth(world, "deals", f"hubspot:{second}")[0]
    assert row["stage_key"] == last["stage_key"], "nobody saw the last move"
    assert (row["is_deleted"], row["deleted_how"], row["deleted_at"]) == (True, "absent", iso(world.now))
    assert truth(world, "deals", f"hubspot:{second}", observed=iso(seen_at - 10 * DAY))


def test_archived_and_restored():
    world = World(seed=5, deals=60)
    id = next(id for id in world.view("deals").live if truth(world, "deals", f"hubspot:{id}")[0]["is_open"])
    key = f"hubspot:{id}"
    world.observe()
    world.archive("deals", id)
    archived_at = world.now
    world.observe()
    assert truth(world, "deals", key)[0]["deleted_at"] == iso(archived_at)
    world.set_now("2026-09-10T00:00:00Z")
    assert not [row for row in truth(world, "month_ends", key) if row["month_end"] == "2026-08-31"]
    world.restore("deals", id)
    row = truth(world, "deals", key)[0]
    assert (row["is_deleted"], row["deleted_at"]) == (False, None)
    assert not [row for row in truth(world, "month_ends", key) if row["month_end"] == "2026-08-31"], (
        "it was deleted then"
    )
    world.set_now("2026-10-02T00:00:00Z")
    assert [row for row in truth(world, "month_ends", key) if row["month_end"] == "2026-09-30"]


def test_merged_loser_never_seen_is_known_by_name_only():
    world = World(seed=5, deals=60)
    survivor, loser = world.view("deals").live[:2]
    world.merge("deals", survivor, loser)
    row = truth(world, "deals", f"hubspot:{loser}")[0]
    assert row == {
        "deal_key": f"hubspot:{loser}",
        "source_deal_id": str(loser),
        "outcome": "void",
        "is_deleted": True,
        "merged_into_deal_key": f"hubspot:{survivor}",
        "merged_at": iso(world.now),
        "is_seen": False,
    }
    assert truth(world, "transitions", f"hubspot:{loser}") == []


def test_backdated_entry_takes_its_place_in_the_past():
    world = World(seed=5, deals=60)
    id = next(r.id for r in world.records("deals") if len([c for c in r.log if c.name == "dealstage"]) > 3)
    key = f"hubspot:{id}"
    before = truth(world, "transitions", key)
    start, end = before[1]["entered_at"], before[1]["exited_at"]
    other = "decisionmakerboughtin" if "decisionmaker" not in before[1]["to_stage_key"] else "contractsent"
    middle = start[:20] + "999Z"
    assert start < middle < end
    world.write("deals", id, {"dealstage": other}, since=middle)
    after = truth(world, "transitions", key)
    assert len(after) - len(before) in (1, 0)
    assert any(visit["entered_at"] == middle and visit["to_stage_key"].endswith(other) for visit in after)
    assert after[-1]["to_stage_key"] == before[-1]["to_stage_key"]


def test_a_silent_write_is_true_and_moves_no_date():
    world = World(seed=5, deals=60)
    id = world.view("deals").live[4]
    record, key, modified = world.objects["deals"][id], f"hubspot:{id}", world.view("deals").modified[id]
    world.write("deals", id, {"amount": "4711"}, by=SILENT)
    world.write("deals", id, {"dealtype": "renewal"}, by=SILENT)
    row = truth(world, "deals", key)[0]
    assert (row["amount"], row["deal_type"]) == ("4711.00", "renewal")
    assert status(record, world.now).modified == state(record, world.now)[2] == modified
    world.archive("deals", id)
    assert status(record, world.now) == ("archived", modified, world.now, 0)
    shown = Shapes(world).object("deals", record, ["amount"], ["amount"])
    assert (shown["updatedAt"], shown["properties"]["amount"]) == (iso(modified), "4711")
    assert shown["propertiesWithHistory"]["amount"][0]["timestamp"] > shown["updatedAt"]


def test_links_come_and_go_without_a_date():
    world = World(seed=5, deals=60)
    id, person = world.view("deals").live[4], world.view("contacts").live[9]
    modified, shapes, record = world.view("deals").modified[id], Shapes(world), world.objects["deals"][id]
    for present in (True, True, False):
        world.link("deals", id, "contacts", person, present)
        linked = shapes.linked("deals", record, "contacts", world.now)
        assert linked.count(person) == int(present)
    assert world.view("deals").modified[id] == modified


def test_wrong_questions(portal):
    answer = portal.get("/_sandbox/truth/nothing")
    assert answer.status_code == 400
    assert portal.get("/_sandbox/nothing").status_code == 404

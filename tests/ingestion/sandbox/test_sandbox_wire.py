"""Lists, batches, paging, caps, archived and merged records, as HubSpot answers them."""

from __future__ import annotations

import re

import pytest
import requests

from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World

DEALS = "/crm/v3/objects/deals"
ISSUE = (
    "dealname dealstage pipeline amount deal_currency_code closedate hubspot_owner_id dealtype createdate "
    "hs_manual_forecast_category closed_lost_reason closed_won_reason hs_object_source hs_object_source_detail_1 "
    "amount_in_home_currency hs_exchange_rate notes_last_contacted notes_next_activity_date hs_merged_object_ids "
    "hs_analytics_source hs_analytics_source_data_1 utm_source utm_medium utm_campaign hs_is_closed_won"
)


def test_walk_is_complete_and_ascending(portal):
    view = portal.sandbox.world.view("deals")
    deals = portal.walk(DEALS, limit=100)
    assert [int(deal["id"]) for deal in deals] == view.live
    assert [int(deal["id"]) for deal in portal.walk(DEALS, archived="true", limit=3)] == view.archived
    assert len(view.archived) >= 3


def test_after_is_the_last_id_plus_one(portal):
    first = portal.get(DEALS, limit=2).json()
    assert first["paging"]["next"]["after"] == str(int(first["results"][-1]["id"]) + 1)
    exact = portal.get(DEALS, limit=1, after=first["results"][1]["id"]).json()
    assert exact["results"][0]["id"] == first["results"][1]["id"]


@pytest.mark.parametrize("path", ["/crm/v3/objects/0-3", "/crm/objects/2026-09/deals", "/crm/objects/2026-09/0-3"])
def test_path_styles_give_the_same_bodies(portal, path):
    one, other = portal.get(DEALS, limit=5).json(), portal.get(path, limit=5).json()
    assert one["results"] == other["results"]
    assert one["paging"]["next"]["after"] == other["paging"]["next"]["after"]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"limit": 101}, "limit 101"),
        ({"limit": 51, "propertiesWithHistory": "dealstage"}, "limit 51"),
        ({"limit": 0}, "limit 0"),
        ({"after": "x"}, "cursor"),
        ({"associations": "spaceships"}, "spaceships"),
    ],
)
def test_refuses_what_is_out_of_range(portal, params, message):
    answer = portal.get(DEALS, **params)
    assert answer.status_code == 400
    assert answer.json()["category"] == "VALIDATION_ERROR"
    assert message in answer.json()["message"]


def test_batch_caps(portal):
    ids = [{"id": str(id)} for id in portal.sandbox.world.view("deals").live]
    path = f"{DEALS}/batch/read"
    assert len(portal.post(path, {"inputs": ids[:100], "properties": []}).json()["results"]) == 100
    assert portal.post(path, {"inputs": ids[:101], "properties": []}).status_code == 400
    answer = portal.post(path, {"inputs": ids[:51], "propertiesWithHistory": ["dealstage"]})
    assert answer.status_code == 400
    assert "property histories is 50" in answer.json()["message"]


def test_batch_tells_missing_ids_in_v3_only(portal):
    body = {"inputs": [{"id": "1"}, {"id": str(portal.sandbox.world.view("deals").live[0])}]}
    answer = portal.post(f"{DEALS}/batch/read", body)
    assert answer.status_code == 207
    assert answer.json()["numErrors"] == 1
    assert answer.json()["errors"][0]["context"] == {"ids": ["1"]}
    dated = portal.post("/crm/objects/2026-09/deals/batch/read", body)
    assert (dated.status_code, len(dated.json()["results"])) == (200, 1)


def test_properties_asked_for(portal):
    asked = {"limit": 1, "properties": ["amount,no_such_property", "closed_won_reason"]}
    properties = portal.get(DEALS, **asked).json()["results"][0]["properties"]
    assert set(properties) == {"amount", "closed_won_reason", "createdate", "hs_lastmodifieddate", "hs_object_id"}
    default = portal.get(DEALS, limit=1).json()["results"][0]["properties"]
    assert set(default) == {
        "amount", "closedate", "createdate", "dealname", "dealstage", "hs_lastmodifieddate", "hs_object_id", "pipeline",
    }  # fmt: skip
    deals = portal.walk(DEALS, limit=100, properties="hs_merged_object_ids")
    assert None in [deal["properties"]["hs_merged_object_ids"] for deal in deals]


def test_every_property_of_the_issue_is_known(portal):
    names = ISSUE.split(" ")
    deals = [deal["properties"] for deal in portal.walk(DEALS, limit=100, properties=",".join(names))]
    for name in names:
        held = [deal[name] for deal in deals if deal[name] is not None]
        assert held, f"no deal has {name}"
        assert all(isinstance(value, str) for value in held)


def test_values_look_like_the_live_ones(portal):
    names = "amount,hs_deal_stage_probability,createdate,hs_open_deal_create_date,hs_is_closed"
    deals = [deal["properties"] for deal in portal.walk(DEALS, limit=100, properties=names)]
    assert any(len(deal["amount"] or "") > 30 for deal in deals)
    assert any(len(deal["hs_deal_stage_probability"]) > 40 for deal in deals)
    assert {deal["hs_is_closed"] for deal in deals} == {"true", "false"}
    assert any(re.fullmatch(r"\d{13}", deal["hs_open_deal_create_date"]) for deal in deals)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", deal["createdate"]) for deal in deals)


def test_history_is_newest_first_and_its_head_is_the_value(portal):
    changed = 0
    for deal in portal.walk(DEALS, limit=50, properties="dealstage,amount", propertiesWithHistory="dealstage,amount"):
        for name, entries in deal["propertiesWithHistory"].items():
            times = [entry["timestamp"] for entry in entries]
            assert times == sorted(times, reverse=True)
            if entries:
                assert (entries[0]["value"] or None) == deal["properties"][name]
            changed += len(entries) > 2
    assert changed > 100


def test_history_cap_keeps_the_newest():
    world = World(seed=11, deals=80)
    with Sandbox(world, rate=None, history_cap=2) as sandbox:
        asked = {"propertiesWithHistory": "dealstage", "limit": "50"}
        headers = {"Authorization": "Bearer sandbox-token"}
        deals = requests.get(sandbox.url + DEALS, asked, headers=headers, timeout=10).json()["results"]
        assert max(len(deal["propertiesWithHistory"]["dealstage"]) for deal in deals) == 2
        for deal in deals:
            newest = [c.value for c in world.objects["deals"][int(deal["id"])].log if c.name == "dealstage"]
            assert deal["propertiesWithHistory"]["dealstage"][0]["value"] in newest


def test_archived_record(fresh):
    world = fresh.sandbox.world
    id = world.view("deals").live[5]
    before = fresh.get(f"{DEALS}/{id}").json()
    world.archive("deals", id)
    assert fresh.get(f"{DEALS}/{id}").status_code == 404
    gone = fresh.get(f"{DEALS}/{id}", archived="true", propertiesWithHistory="dealstage").json()
    assert gone["archived"] is True
    assert gone["archivedAt"] > gone["updatedAt"]
    assert gone["updatedAt"] == before["updatedAt"], "archiving does not touch the modification date"
    assert gone["propertiesWithHistory"]["dealstage"]
    world.restore("deals", id)
    back = fresh.get(f"{DEALS}/{id}").json()
    assert back["archived"] is False
    assert "archivedAt" not in back
    assert back["updatedAt"] > before["updatedAt"], "restoring does"
    world.purge("deals", id)
    assert fresh.get(f"{DEALS}/{id}").status_code == fresh.get(f"{DEALS}/{id}", archived="true").status_code == 404


@pytest.mark.parametrize("mint", [False, True])
def test_merged_deals(fresh, mint):
    world = fresh.sandbox.world
    survivor, loser = world.view("deals").live[3:5]
    goes_on = world.merge("deals", survivor, loser, mint=mint)
    assert (goes_on == survivor) is not mint
    read = fresh.get(
        f"{DEALS}/{goes_on}", properties="hs_merged_object_ids", propertiesWithHistory="hs_merged_object_ids"
    )
    listed = f"{survivor};{loser}" if mint else str(loser)
    assert read.json()["properties"]["hs_merged_object_ids"] == listed
    assert read.json()["propertiesWithHistory"]["hs_merged_object_ids"][0]["sourceType"] == "MERGE_OBJECTS"
    assert fresh.get(f"{DEALS}/{loser}").status_code == 404
    ids = [int(deal["id"]) for deal in fresh.walk(DEALS, limit=100) + fresh.walk(DEALS, limit=100, archived="true")]
    assert loser not in ids
    assert goes_on in ids
    # A chain: the list of the last survivor names everybody who went in.
    third = world.view("deals").live[8]
    world.merge("deals", third, goes_on)
    named = fresh.get(f"{DEALS}/{third}", properties="hs_merged_object_ids").json()["properties"][
        "hs_merged_object_ids"
    ]
    assert set(named.split(";")) == {str(id) for id in (survivor, loser, goes_on) if id != third}


def test_a_merged_contact_answers_as_its_survivor(fresh):
    world = fresh.sandbox.world
    survivor, loser = world.view("contacts").live[3:5]
    world.merge("contacts", survivor, loser)
    assert fresh.get(f"/crm/v3/objects/contacts/{loser}").json()["id"] == str(survivor)
    answer = fresh.post("/crm/v3/objects/contacts/batch/read", {"inputs": [{"id": str(loser)}], "properties": []})
    assert (answer.status_code, answer.json()["results"][0]["id"]) == (200, str(survivor))
    asked = fresh.get(f"/crm/v3/objects/contacts/{survivor}", properties="hs_calculated_merged_vids").json()
    assert asked["properties"]["hs_calculated_merged_vids"] == f"{loser}:{world.now}"


def test_associations_page_by_record():
    world = World(seed=5, deals=60)
    deal = world.objects["deals"][world.view("deals").live[0]]
    contacts = world.view("contacts").live[:5]
    deal.links = [(0, "contacts", id) for id in contacts]
    with Sandbox(world, rate=None, association_page=2) as sandbox:
        got, after = [], None
        for _ in range(3):
            body = {"inputs": [{"id": str(deal.id), **({"after": after} if after else {})}]}
            headers = {"Authorization": "Bearer sandbox-token"}
            path = sandbox.url + "/crm/v4/associations/deals/contacts/batch/read"
            result = requests.post(path, json=body, headers=headers, timeout=10).json()["results"][0]
            got += [entry["toObjectId"] for entry in result["to"]]
            after = result.get("paging", {}).get("next", {}).get("after")
        assert (got, after) == (contacts, None)
        assert result["to"][0]["associationTypes"] == [{"category": "HUBSPOT_DEFINED", "typeId": 3, "label": None}]


def test_associations_go_both_ways_and_leave_out_the_archived(fresh):
    world = fresh.sandbox.world
    deal = next(d for d in fresh.walk(DEALS, limit=100, associations="contacts") if "associations" in d)
    contact = deal["associations"]["contacts"]["results"][0]["id"]
    back = fresh.get(f"/crm/v4/objects/contacts/{contact}/associations/deals").json()["results"]
    assert int(deal["id"]) in [entry["toObjectId"] for entry in back]
    world.archive("contacts", int(contact))
    left = fresh.get(f"{DEALS}/{deal['id']}", associations="contacts").json().get("associations", {})
    assert contact not in [entry["id"] for entry in left.get("contacts", {}).get("results", [])]


def test_pipelines_lose_and_gain_stages_with_the_clock():
    world = World(seed=5, deals=60)
    with Sandbox(world, rate=None) as sandbox:
        headers = {"Authorization": "Bearer sandbox-token"}

        def stages() -> dict[str, dict]:
            answer = requests.get(sandbox.url + "/crm/v3/pipelines/deals", headers=headers, timeout=10).json()
            return {stage["id"]: stage for pipeline in answer["results"] for stage in pipeline["stages"]}

        before = stages()
        assert {"1187000", "1187002", "1187009"} & set(before) == set()
        assert before["closedwon"]["metadata"] == {"isClosed": "true", "probability": "1.0"}
        assert before["1187001"]["label"] == "Демонстрация"
        world.advance(60)
        after = stages()
        assert set(before) - set(after) == {"1187003"}
        assert set(after) - set(before) == {"1187009"}
        assert after["presentationscheduled"]["label"] != before["presentationscheduled"]["label"]
        assert after["presentationscheduled"]["updatedAt"] > before["presentationscheduled"]["updatedAt"]


def test_owners(portal):
    live, archived = portal.walk("/crm/v3/owners", limit=2), portal.walk("/crm/v3/owners", limit=2, archived="true")
    assert len(live) >= 5
    assert [owner["archived"] for owner in archived] == [True, True]
    assert all("userId" in owner for owner in live)
    assert all("userId" not in owner and owner["userIdIncludingInactive"] for owner in archived)


def test_opaque_tokens_walk_the_same_records():
    world = World(seed=5, deals=60)
    with Sandbox(world, rate=None, opaque_paging=True) as sandbox:
        seen, params = [], {"limit": "25"}
        while True:
            answer = requests.get(
                sandbox.url + DEALS, params, headers={"Authorization": "Bearer sandbox-token"}, timeout=10
            ).json()
            seen += [int(deal["id"]) for deal in answer["results"]]
            if "paging" not in answer:
                break
            params["after"] = answer["paging"]["next"]["after"]
            assert not params["after"].isdigit()
        assert seen == world.view("deals").live


def test_tokens_scopes_and_unknown_paths(fresh):
    answer = requests.get(fresh.sandbox.url + DEALS, headers={"Authorization": "Bearer wrong"}, timeout=10)
    assert (answer.status_code, answer.json()["category"]) == (401, "INVALID_AUTHENTICATION")
    fresh.post("/_sandbox/scopes", {"without": ["crm.objects.leads.read"]})
    answer = fresh.get("/crm/v3/objects/leads")
    assert (answer.status_code, answer.json()["category"]) == (403, "MISSING_SCOPES")
    assert answer.json()["errors"][0]["context"]["requiredGranularScopes"] == ["crm.objects.leads.read"]
    assert fresh.get(DEALS).status_code == 200
    assert fresh.get("/crm/v3/nothing").status_code == 404
    bad = fresh.session.post(fresh.sandbox.url + f"{DEALS}/search", data="{", timeout=10)
    assert bad.status_code == 400


def test_http(portal):
    plain = portal.session.get(portal.sandbox.url + DEALS, headers={"Accept-Encoding": "identity"}, timeout=10)
    zipped = portal.get(DEALS)
    assert "Content-Encoding" not in plain.headers
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert plain.json()["results"] == zipped.json()["results"]
    assert zipped.headers["Date"] == "Mon, 31 Aug 2026 20:00:00 GMT", "the source's clock, not the machine's"
    assert zipped.raw.version == 11


def test_counts_requests_by_path(fresh):
    id = fresh.sandbox.world.view("deals").live[0]
    fresh.get(f"{DEALS}/{id}")
    fresh.get(DEALS, limit=500)
    status = fresh.get("/_sandbox").json()
    assert status["requests_by_path"] == {f"GET {DEALS}/{{id}}": 1, f"GET {DEALS}": 1}
    assert status["statuses"] == {"200": 1, "400": 1}
    assert status["live"]["deals"] == len(fresh.sandbox.world.view("deals").live)
    fresh.post("/_sandbox/reset_counters", {})
    assert fresh.get("/_sandbox").json()["requests"] == 0


def test_control_takes_json_under_urllibs_own_content_type(fresh):
    """The demo calls it so: without a header of one's own urllib says that the body is a form."""
    before = fresh.sandbox.world.now
    answer = requests.post(
        f"{fresh.sandbox.url}/_sandbox/clock",
        data=b'{"advance_days": 2}',
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        timeout=10,
    )
    assert answer.status_code == 200
    assert fresh.sandbox.world.now - before == 2 * 86_400_000

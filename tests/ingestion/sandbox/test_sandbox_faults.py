"""Every kind of fault does what it says, as a client meets it on the wire; and the rate limits."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import pytest
import requests

from ingestion.sandbox import faults
from ingestion.sandbox.limits import Limits
from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World

DEALS = "/crm/v3/objects/deals"


def refused(client, kind, **rule):
    client.sandbox.faults.add(kind, nth=1, **rule)
    answer = client.get(DEALS)
    assert client.get(DEALS).status_code == 200, "only the first request was to fail"
    return answer


def test_429(fresh):
    answer = refused(fresh, "429")
    assert answer.status_code == 429
    assert "Retry-After" not in answer.headers
    assert answer.json()["policyName"] == "TEN_SECONDLY_ROLLING"
    assert refused(fresh, "429", policy="DAILY").json()["policyName"] == "DAILY"


def test_429_retry_after(fresh):
    answer = refused(fresh, "429_retry_after", retry_after=3)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3")


@pytest.mark.parametrize("kind", ["500", "503"])
def test_server_errors(fresh, kind):
    answer = refused(fresh, kind)
    assert answer.status_code == int(kind)
    assert answer.json()["status"] == "error"


@pytest.mark.parametrize(("kind", "status"), [("502_html", 502), ("html_200", 200)])
def test_html(fresh, kind, status):
    answer = refused(fresh, kind)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html")
    assert answer.text.startswith("<html>")


def test_401_and_403(fresh):
    answer = refused(fresh, "401")
    assert (answer.status_code, answer.json()["category"]) == (401, "EXPIRED_AUTHENTICATION")
    answer = refused(fresh, "403_scope", scope="crm.objects.deals.read")
    assert answer.status_code == 403
    assert answer.json()["errors"][0]["context"]["requiredGranularScopes"] == ["crm.objects.deals.read"]


def test_reset(fresh):
    fresh.sandbox.faults.add("reset", nth=1)
    with pytest.raises(requests.ConnectionError, match="reset"):
        fresh.get(DEALS)
    assert fresh.get(DEALS).status_code == 200


def test_timeout_and_slow(fresh):
    fresh.sandbox.faults.add("timeout", nth=1, seconds=0.4)
    with pytest.raises(requests.ReadTimeout):
        fresh.session.get(fresh.sandbox.url + DEALS, timeout=0.1)
    fresh.sandbox.faults.add("timeout", nth=1, seconds=0.05)
    with pytest.raises(requests.ConnectionError, match="without response"):
        fresh.get(DEALS)
    fresh.sandbox.faults.add("slow", nth=1, seconds=0.3)
    started = time.monotonic()
    assert fresh.get(DEALS).status_code == 200
    assert time.monotonic() - started >= 0.3


def test_truncated(fresh):
    fresh.sandbox.faults.add("truncated_json", nth=1)
    answer = fresh.get(DEALS)
    assert answer.status_code == 200
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()
    fresh.sandbox.faults.add("truncated_gzip", nth=1)
    answer = fresh.session.get(fresh.sandbox.url + DEALS, timeout=10, stream=True)
    raw = answer.raw.read(decode_content=False)
    assert len(raw) == int(answer.headers["Content-Length"])
    assert raw[:2] == b"\x1f\x8b"
    with pytest.raises(EOFError):
        gzip.decompress(raw)
    fresh.sandbox.faults.add("truncated_body", nth=1)
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        fresh.get(DEALS)
    assert fresh.get(DEALS).json()["results"]


def test_same_cursor(fresh):
    fresh.sandbox.faults.add("same_cursor", match=DEALS)
    first = fresh.get(DEALS, limit=5).json()["paging"]["next"]["after"]
    second = fresh.get(DEALS, limit=5, after=first).json()["paging"]["next"]["after"]
    assert first == second


def test_shift_page(fresh):
    live = list(fresh.sandbox.world.view("deals").live)
    fresh.sandbox.faults.add("shift_page", match="after=", nth=1, action="archive", position=0)
    first = fresh.get(DEALS, limit=10).json()
    fresh.get(DEALS, limit=10, after=first["paging"]["next"]["after"])
    assert fresh.sandbox.world.view("deals").live == live[1:]
    fresh.sandbox.faults.add("shift_page", match="search", nth=1, id=live[3])
    newest = {"limit": 1, "sorts": [{"propertyName": "hs_lastmodifieddate", "direction": "DESCENDING"}]}
    assert fresh.post(DEALS + "/search", newest).json()["results"][0]["id"] == str(live[3])


def test_rules_match_count_and_end(fresh):
    even = {"kind": "503", "match": "/objects/deals", "every": 2, "times": 2}
    added = fresh.post("/_sandbox/faults", {"rules": [even, {"kind": "500", "method": "POST"}]})
    assert len(added.json()["rules"]) == 2
    assert [fresh.get(DEALS).status_code for _ in range(7)] == [200, 503, 200, 503, 200, 200, 200]
    assert fresh.get("/crm/v3/objects/contacts").status_code == 200
    assert fresh.post(DEALS + "/search", {}).status_code == 500
    assert len(fresh.get("/_sandbox/faults").json()["struck"]) == 3
    fresh.post("/_sandbox/faults", {"clear": True})
    assert fresh.post(DEALS + "/search", {}).status_code == 200
    wrong = fresh.post("/_sandbox/faults", {"kind": "earthquake"})
    assert wrong.status_code == 400
    assert "truncated_gzip" in wrong.json()["message"]


def test_an_error_inside_a_200_where_the_vendor_does_so(fresh):
    answer = refused(fresh, "200_error", match="/pipedrive")
    assert answer.json()["results"]
    told = fresh.get("/pipedrive/api/v1/users")
    assert (told.status_code, told.json()["success"], told.json()["data"]) == (200, False, None)


def test_every_kind_has_a_test():
    text = Path(__file__).read_text(encoding="utf-8")
    assert [kind for kind in faults.KINDS if f'"{kind}"' not in text] == []


def test_garbled_records(fresh):
    specs = [{"kind": "bad_number", "count": 2}, {"kind": "bad_date"}, {"kind": "null_id", "object": "contacts"}]
    made = fresh.post("/_sandbox/quirks", {"garble": specs}).json()["garbled"]
    assert len(made) == 4
    asked = {"limit": 50, "properties": "amount,closedate", "propertiesWithHistory": "amount"}
    deals = {deal["id"]: deal for deal in fresh.walk(DEALS, **asked)}
    assert deals[str(made[0]["id"])]["properties"]["amount"] == "12,5 Mio"
    history = deals[str(made[0]["id"])]["propertiesWithHistory"]["amount"]
    assert not history or history[0]["value"] == "12,5 Mio"
    assert [d["id"] for d in deals.values() if d["properties"]["closedate"] == "31/31/2026"] == [str(made[2]["id"])]
    contacts = fresh.walk("/crm/v3/objects/contacts", limit=100)
    assert [contact["id"] for contact in contacts].count(None) == 1
    fresh.post("/_sandbox/quirks", {"clear": True})
    assert all(deal["properties"]["amount"] != "12,5 Mio" for deal in fresh.walk(DEALS, limit=100))


def test_schema_changes(fresh):
    change = {
        "removed": {"deals": ["closed_won_reason"]},
        "renamed": {"deals": {"amount": "amount_new"}},
        "added": {"deals": {"score": "7"}},
    }
    fresh.post("/_sandbox/quirks", change)
    names = "amount,amount_new,closed_won_reason,score"
    deal = fresh.get(DEALS, limit=1, properties=names, propertiesWithHistory="amount,amount_new").json()["results"][0]
    assert set(deal["properties"]) & set(names.split(",")) == {"amount_new", "score"}
    assert set(deal["propertiesWithHistory"]) == {"amount_new"}
    listed = {entry["name"] for entry in fresh.get("/crm/v3/properties/deals").json()["results"]}
    assert {"amount_new", "score"} <= listed
    assert not {"amount", "closed_won_reason"} & listed


def test_limits_roll():
    now = [100.0]
    limits = Limits(rate=3, search_rate=2, daily=9, clock=lambda: now[0])
    assert [limits.admit() for _ in range(4)] == [None, None, None, "TEN_SECONDLY_ROLLING"]
    assert limits.headers()["X-HubSpot-RateLimit-Remaining"] == "0"
    assert [limits.admit(search=True) for _ in range(3)] == [None, None, "SECONDLY"]
    now[0] += 1.01
    assert limits.admit(search=True) is None
    assert limits.admit() == "TEN_SECONDLY_ROLLING"
    now[0] += 9.0
    assert [limits.admit() for _ in range(3)] == [None, None, None]
    assert limits.admit() == "DAILY", "nine were admitted today"
    assert limits.refused == 4


def test_limits_on_the_wire():
    with Sandbox(World(seed=5, deals=40), rate=4, search_rate=2) as sandbox:
        session = requests.Session()
        session.headers["Authorization"] = "Bearer sandbox-token"
        answers = [session.get(sandbox.url + DEALS, timeout=10) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200] * 4 + [429]
        assert [answer.headers["X-HubSpot-RateLimit-Remaining"] for answer in answers[:4]] == ["3", "2", "1", "0"]
        assert answers[0].headers["X-HubSpot-RateLimit-Interval-Milliseconds"] == "10000"
        assert answers[4].json()["message"] == "You have reached your ten_secondly_rolling limit."
        found = [session.post(sandbox.url + DEALS + "/search", json={}, timeout=10) for _ in range(3)]
        assert [answer.status_code for answer in found] == [200, 200, 429]
        assert found[2].json()["policyName"] == "SECONDLY"
        assert sandbox.limits.refused == 2


def test_silent_edits_come_through_the_control_endpoint(fresh):
    world = fresh.sandbox.world
    deal, person = world.view("deals").live[2], world.view("contacts").live[2]
    modified = world.view("deals").modified[deal]
    about = {"object": "deals", "id": str(deal)}
    silent = fresh.post("/_sandbox/mutate", about | {"set": {"amount": "4711"}, "silent": True})
    linked = fresh.post("/_sandbox/mutate", about | {"action": "link", "to": "contacts", "to_id": str(person)})
    assert (silent.status_code, linked.status_code) == (200, 200)
    assert world.objects["deals"][deal].value("amount", world.now) == "4711"
    assert world.objects["deals"][deal].links[-1][1:] == ("contacts", person)
    assert world.view("deals").modified[deal] == modified
    fresh.post("/_sandbox/mutate", about | {"action": "unlink", "to": "contacts", "to_id": str(person)})
    assert ("contacts", person) not in [link[1:] for link in world.objects["deals"][deal].links]


def test_every_other_never_starves_one_address(fresh):
    """Two clients in step: each try of the second is the rule's next hit, until it has failed three times running."""
    fresh.sandbox.faults.add("500", every=2, match="/crm/")
    statuses = []
    for _ in range(5):
        assert fresh.get("/crm/v3/objects/contacts").status_code == 200
        statuses.append(fresh.get(DEALS).status_code)
    assert statuses == [500, 500, 500, 200, 500]

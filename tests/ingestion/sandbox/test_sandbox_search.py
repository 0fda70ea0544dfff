"""Search: operators against brute force, its window, its lagging index, walks that lose nothing."""

from __future__ import annotations

import pytest
import requests

from ingestion.sandbox.model import iso
from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World

PATH = "/crm/v3/objects/deals/search"
NAMES = "amount,dealstage,deal_currency_code,hs_lastmodifieddate,hs_object_id,closedate,dealname"


def condition(name, operator, value=None, **more):
    return {"propertyName": name, "operator": operator, **({} if value is None else {"value": value}), **more}


@pytest.fixture(scope="module")
def deals(portal):
    return [deal["properties"] for deal in portal.walk("/crm/v3/objects/deals", limit=100, properties=NAMES)]


CASES = [
    (condition("dealstage", "EQ", "closedwon"), lambda d: d["dealstage"] == "closedwon"),
    (condition("dealstage", "NEQ", "closedwon"), lambda d: d["dealstage"] != "closedwon"),
    (condition("amount", "GT", "20000"), lambda d: d["amount"] and float(d["amount"]) > 20000),
    (condition("amount", "LTE", "20000"), lambda d: d["amount"] and float(d["amount"]) <= 20000),
    (condition("amount", "LT", "5000"), lambda d: d["amount"] and float(d["amount"]) < 5000),
    (
        condition("amount", "BETWEEN", "5000", highValue="20000"),
        lambda d: d["amount"] and 5000 <= float(d["amount"]) <= 20000,
    ),
    (condition("amount", "HAS_PROPERTY"), lambda d: d["amount"] is not None),
    (condition("amount", "NOT_HAS_PROPERTY"), lambda d: d["amount"] is None),
    (
        condition("deal_currency_code", "IN", values=["USD", "gbp"]),
        lambda d: d["deal_currency_code"] in ("USD", "GBP"),
    ),
    (
        condition("deal_currency_code", "NOT_IN", values=["EUR"]),
        lambda d: d["deal_currency_code"] != "EUR",
    ),
    (condition("dealname", "CONTAINS_TOKEN", "Suite"), lambda d: "Suite" in d["dealname"]),
    (
        condition("hs_lastmodifieddate", "GTE", "2026-06-01T00:00:00Z"),
        lambda d: d["hs_lastmodifieddate"] >= "2026-06-01T00:00:00.000Z",
    ),
    (
        condition("closedate", "LT", "1767225600000"),
        lambda d: d["closedate"] and d["closedate"] < "2026-01-01T00:00:00.000Z",
    ),
]


@pytest.mark.parametrize(("asked", "holds"), CASES, ids=[f"{c['propertyName']} {c['operator']}" for c, _ in CASES])
def test_operators(portal, deals, asked, holds):
    expected = {deal["hs_object_id"] for deal in deals if holds(deal)}
    body = {"filterGroups": [{"filters": [asked]}], "limit": 200, "properties": ["hs_object_id"]}
    got, after = set(), "0"
    while after:
        answer = portal.post(PATH, {**body, "after": after}).json()
        assert answer["total"] == len(expected)
        got |= {result["id"] for result in answer["results"]}
        after = answer.get("paging", {}).get("next", {}).get("after")
    assert got == expected
    assert 0 < len(expected) < len(deals)


def test_groups_are_or_and_filters_are_and(portal, deals):
    usd, big = condition("deal_currency_code", "EQ", "USD"), condition("amount", "GT", "20000")
    both = portal.post(PATH, {"filterGroups": [{"filters": [usd, big]}]}).json()["total"]
    either = portal.post(PATH, {"filterGroups": [{"filters": [usd]}, {"filters": [big]}]}).json()["total"]
    is_usd = [deal["deal_currency_code"] == "USD" for deal in deals]
    is_big = [bool(deal["amount"]) and float(deal["amount"]) > 20000 for deal in deals]
    assert both == sum(a and b for a, b in zip(is_usd, is_big, strict=True))
    assert either == sum(a or b for a, b in zip(is_usd, is_big, strict=True))


def test_sorts(portal):
    for direction, reverse in (("ASCENDING", False), ("DESCENDING", True)):
        for name in ("hs_lastmodifieddate", "hs_object_id", "createdate"):
            sort = [{"propertyName": name, "direction": direction}]
            results = portal.post(PATH, {"sorts": sort, "limit": 200, "properties": [name]}).json()["results"]
            values = [result["properties"][name] for result in results]
            assert values == sorted(values, reverse=reverse)
    two = [{"propertyName": "amount"}, {"propertyName": "closedate"}]
    assert portal.post(PATH, {"sorts": two}).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 201},
        {"limit": 100, "after": "9901"},
        {"after": "x"},
        {"filterGroups": [{"filters": [condition("amount", "LIKE", "1")]}]},
        {"filterGroups": [{"filters": [condition("amount", "EQ", "1")] * 7}]},
        {"filterGroups": [{"filters": [condition("amount", "EQ", "1")]}] * 6},
        {"filterGroups": [{"filters": [condition("amount", "EQ", "1")] * 5}] * 4},
    ],
)
def test_refuses(portal, body):
    assert portal.post(PATH, body).status_code == 400


def test_the_window_ends_at_ten_thousand(portal):
    answer = portal.post(PATH, {"limit": 200, "after": "9800"})
    assert (answer.status_code, answer.json()["results"]) == (200, [])


def test_no_rate_headers_and_never_archived(portal):
    answer = portal.post(PATH, {"limit": 1})
    assert not [name for name in answer.headers if "ratelimit" in name.lower()]
    assert answer.json()["total"] == len(portal.sandbox.world.view("deals").live)


def test_bulk_edits_share_one_millisecond_and_an_id_walk_drains_them(portal):
    view = portal.sandbox.world.view("deals")
    times = [modified for modified, _ in view.by_modified]
    common = max(set(times), key=times.count)
    assert times.count(common) > 50
    same, got, last = condition("hs_lastmodifieddate", "EQ", str(common)), [], 0
    while True:
        group = [{"filters": [same, condition("hs_object_id", "GT", str(last))]}]
        body = {
            "filterGroups": group,
            "limit": 20,
            "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        }
        results = portal.post(PATH, body).json()["results"]
        if not results:
            break
        got += [int(result["id"]) for result in results]
        last = got[-1]
    assert got == sorted(id for modified, id in view.by_modified if modified == common)


def test_lagging_index_is_stale_and_hides_what_is_gone():
    world = World(seed=5, deals=60)
    with Sandbox(world, rate=None, search_rate=None, search_lag=600) as sandbox:

        def modified() -> dict[str, str]:
            body = {"limit": 200, "properties": ["hs_priority"]}
            headers = {"Authorization": "Bearer sandbox-token"}
            answer = requests.post(sandbox.url + PATH, json=body, headers=headers, timeout=10).json()
            return {result["id"]: result["updatedAt"] for result in answer["results"]}

        edited, gone = world.view("deals").live[-2:]
        before = modified()
        at = world.write("deals", edited, {"hs_priority": "high"})
        world.archive("deals", gone)
        stale = modified()
        assert stale[str(edited)] == before[str(edited)]
        assert set(before) - set(stale) == {str(gone)}
        world.advance(601 / 86_400)
        assert modified()[str(edited)] == iso(at)

"""The Salesforce stand-in on the wire: token, SOQL, paging, Bulk jobs, deletions, histories as in the truth."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import orjson
import pytest
import requests

from ingestion.sandbox import salesforce_truth as truth
from ingestion.sandbox import written_truth
from ingestion.sandbox.model import iso
from ingestion.sandbox.moments import second
from ingestion.sandbox.salesforce import CLIENT_ID, CLIENT_SECRET, DATA
from ingestion.sandbox.salesforce_ids import MASTER, number_of, sf_id, stage_names
from ingestion.sandbox.serve import SALESFORCE, Sandbox
from ingestion.sandbox.world import World

LOGIN = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}


class Org:
    """A logged-in user of one stand-in."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.world, self.base = sandbox, sandbox.world, sandbox.url + SALESFORCE
        self.session = requests.Session()
        answer = self.session.post(self.base + "/services/oauth2/token", data=LOGIN, timeout=10).json()
        self.session.headers["Authorization"] = f"Bearer {answer['access_token']}"
        assert answer["instance_url"] == self.base
        assert "expires_in" not in answer

    def get(self, path: str, **params: Any) -> requests.Response:
        return self.session.get(self.base + DATA + path, params=params, timeout=10)

    def ask(self, soql: str, deleted: bool = False) -> list[dict[str, Any]]:
        """Every record of a query, page by page."""
        answer = self.get("/queryAll" if deleted else "/query", q=soql).json()
        found = answer["records"]
        while not answer["done"]:
            answer = self.session.get(self.base + answer["nextRecordsUrl"], timeout=10).json()
            found += answer["records"]
        assert len(found) == answer["totalSize"]
        return found


@pytest.fixture(scope="module")
def org() -> Iterator[Org]:
    """400 deals, never changed by a test; pages of 300."""
    with Sandbox(World(seed=11, deals=400), salesforce={"page": 300}) as sandbox:
        yield Org(sandbox)


@pytest.fixture
def fresh() -> Iterator[Org]:
    with Sandbox(World(seed=5, deals=60)) as sandbox:
        yield Org(sandbox)


def test_ids_are_18_characters_with_the_checksum_of_salesforce() -> None:
    assert sf_id("Opportunity", 0) == "006000000000000AAA"
    assert sf_id("Opportunity", 20_100_000_123)[:3] == "006"
    assert number_of(sf_id("Lead", 51_000_077)) == 51_000_077
    # The documented example of the conversion: 15 characters with upper case in the first five.
    assert sf_id("Account", 10 + 36) == "00100000000000kAAA"
    assert sf_id("Account", 10)[-3:] == "AAQ"
    ids = [sf_id("Opportunity", number) for number in range(20_100_000_000, 20_100_003_000, 7)]
    assert ids == sorted(ids)
    assert {len(id) for id in ids} == {18}


def test_nothing_without_a_session_and_a_wrong_secret_gets_none(org: Org) -> None:
    answer = requests.get(org.base + DATA + "/limits", timeout=10)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (401, "INVALID_SESSION_ID")
    answer = requests.post(org.base + "/services/oauth2/token", data=LOGIN | {"client_secret": "x"}, timeout=10)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")


def test_every_answer_tells_the_allowance_and_a_spent_one_is_403(fresh: Org) -> None:
    used, daily = re.fullmatch(r"api-usage=(\d+)/(\d+)", fresh.get("/limits").headers["Sforce-Limit-Info"]).groups()  # type: ignore[union-attr]
    assert (int(used), int(daily)) == (1, 15_000)
    fresh.sandbox.salesforce.daily = 1
    answer = fresh.get("/limits")
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (403, "REQUEST_LIMIT_EXCEEDED")


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT Id FROM", "MALFORMED_QUERY"),
        ("SELECT * FROM Opportunity", "MALFORMED_QUERY"),
        ("SELECT Id, Id FROM Opportunity", "MALFORMED_QUERY"),
        ("SELECT Nonsense FROM Opportunity", "INVALID_FIELD"),
        ("SELECT Id FROM Opportunity WHERE SystemModstamp > '2026-01-01T00:00:00Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Opportunity WHERE CloseDate > 2026-01-01T00:00:00Z", "INVALID_FIELD"),
        ("SELECT Id FROM OpportunityFieldHistory WHERE NewValue = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Spaceship", "INVALID_TYPE"),
        ("SELECT Id FROM Opportunity LIMIT 5 OFFSET 3", "MALFORMED_QUERY"),
    ],
)
def test_refuses_what_is_no_soql(org: Org, soql: str, code: str) -> None:
    answer = org.get("/query", q=soql)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)


def test_conditions_order_and_pages(org: Org) -> None:
    live = org.ask("SELECT Id, Amount, CloseDate, SystemModstamp FROM Opportunity ORDER BY SystemModstamp, Id")
    assert [number_of(row["Id"]) for row in sorted(live, key=lambda row: row["Id"])] == org.world.view("deals").live
    stamps = [(row["SystemModstamp"], row["Id"]) for row in live]
    assert stamps == sorted(stamps)
    assert re.fullmatch(r"[\d-]+T[\d:]+\.000\+0000", stamps[0][0])
    middle = live[len(live) // 2]
    since = middle["SystemModstamp"].replace("+0000", "Z")
    later = org.ask(f"SELECT Id FROM Opportunity WHERE SystemModstamp > {since} AND Amount >= 1000")
    wanted = {
        row["Id"] for row in live if row["SystemModstamp"] > middle["SystemModstamp"] and (row["Amount"] or 0) >= 1000
    }
    assert {row["Id"] for row in later} == wanted
    assert 20 < len(wanted) < 300
    count = org.get("/query", q="SELECT COUNT() FROM Opportunity WHERE Amount = null").json()
    assert count["totalSize"] == sum(row["Amount"] is None for row in live) > 0
    assert count["records"] == []
    two = f"('{live[0]['Id']}', '{live[1]['Id']}')"
    assert len(org.ask(f"SELECT Id FROM Opportunity WHERE Id IN {two}")) == 2
    assert len(org.ask(f"SELECT Id FROM Opportunity WHERE Id IN {two.lower()}")) == 0


def test_a_lost_locator_and_a_long_address_are_refused(org: Org) -> None:
    first = org.get("/query", q="SELECT Id FROM OpportunityHistory").json()
    org.sandbox.salesforce.forget_locators()
    answer = org.session.get(org.base + first["nextRecordsUrl"], timeout=10)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_QUERY_LOCATOR")
    assert org.get("/query", q="SELECT Id FROM Account WHERE Name != '" + "x" * 16_300 + "'").status_code == 414


def test_deleted_and_merged_opportunities_are_in_query_all_only(org: Org) -> None:
    world, view = org.world, org.world.view("deals")
    rows = {number_of(row["Id"]): row for row in org.ask("SELECT Id, IsDeleted FROM Opportunity", deleted=True)}
    gone = {number for number, row in rows.items() if row["IsDeleted"]}
    kinds = {
        record.id: written_truth.Fate(record, [world.now], None).state(world.now)[0]
        for record in world.records("deals")
    }
    assert gone == {number for number, kind in kinds.items() if kind == "deleted"} > set(view.archived)
    assert set(rows) - gone == set(view.live)


def test_the_recycle_bin_can_forget_after_fifteen_days(fresh: Org) -> None:
    deal = fresh.world.view("deals").live[0]
    fresh.sandbox.salesforce.bin_days = 15
    fresh.world.archive("deals", deal)
    query = f"SELECT Id, IsDeleted FROM Opportunity WHERE Id = '{sf_id('Opportunity', deal)}'"
    assert [row["IsDeleted"] for row in fresh.ask(query, deleted=True)] == [True]
    fresh.world.advance(15)
    assert fresh.ask(query, deleted=True) == []


@pytest.mark.parametrize("as_of", [None, "2026-03-31T22:00:00Z"])
def test_histories_tell_the_transitions_of_the_truth(org: Org, as_of: str | None) -> None:
    """The rule of the reader: rows by CreatedDate and Id whose StageName differs from the one before."""
    rows = org.ask("SELECT Id, OpportunityId, StageName, CreatedDate FROM OpportunityHistory", deleted=True)
    rows.sort(key=lambda row: (row["OpportunityId"], row["CreatedDate"], row["Id"]))
    told = []
    for deal, entries in groupby(rows, key=lambda row: row["OpportunityId"]):
        before = None
        for row in entries:
            at = row["CreatedDate"].replace("+0000", "Z")
            if row["StageName"] != before and at < (as_of or "9999"):
                told.append({"opportunity_id": deal, "stage": row["StageName"], "entered_at": at})
                before = row["StageName"]
    wanted = list(truth.transitions(org.world, as_of))
    assert sorted(map(str, told)) == sorted(map(str, wanted))
    assert len(wanted) > 900


def test_opportunities_are_the_deals_of_the_truth(org: Org) -> None:
    fields = "Id, StageName, RecordTypeId, Amount, CurrencyIsoCode, OwnerId, IsClosed, IsWon, CreatedDate, IsDeleted"
    rows = org.ask(f"SELECT {fields}, SystemModstamp FROM Opportunity", deleted=True)
    told = {
        row["Id"]: (
            row["StageName"], row["RecordTypeId"] or MASTER, None if row["Amount"] is None else f"{row['Amount']:.2f}",
            row["CurrencyIsoCode"], row["OwnerId"], (row["IsClosed"], row["IsWon"]),
            row["CreatedDate"].replace("+0000", "Z"), row["IsDeleted"],
            row["SystemModstamp"].replace("+0000", "Z") if row["IsDeleted"] else None,
        )
        for row in rows
    }  # fmt: skip
    flags = {"open": (False, False), "won": (True, True), "lost": (True, False)}
    wanted = {
        row["opportunity_id"]: (
            row["stage"], row["record_type_id"], row["amount"], row["currency"], row["owner_id"],
            flags[row["outcome"]], row["created_at"], row["is_deleted"], row["deleted_at"],
        )
        for row in truth.deals(org.world)
    }  # fmt: skip
    assert told == wanted
    assert {row["deleted_how"] for row in truth.deals(org.world)} == {None, "deleted"}


def test_owner_and_record_type_changes_are_two_rows_each_where_tracked(org: Org, fresh: Org) -> None:
    rows = org.ask("SELECT Field, OldValue, NewValue, DataType FROM OpportunityFieldHistory")
    fields = {field: [row for row in rows if row["Field"] == field] for field in ("Owner", "RecordType")}
    assert all(len(found) >= 2 and len(found) % 2 == 0 for found in fields.values())
    assert {row["NewValue"][:3] for row in fields["Owner"] if row["DataType"] == "EntityId"} == {"005"}
    fresh.sandbox.salesforce.tracking = False
    assert fresh.ask("SELECT Id FROM OpportunityFieldHistory") == []
    assert {row["Field"] for row in fresh.ask("SELECT Field FROM LeadHistory")} <= {
        "created",
        "leadConverted",
        "leadMerged",
    }


def test_a_backdated_entry_is_dated_by_its_writing(fresh: Org) -> None:
    world = fresh.world
    deal = next(id for id in world.view("deals").live if _open(world, id))
    now = world.objects["deals"][deal].value("dealstage", world.now)
    stage = next(s.id for s in world.catalog.deal_stages[now][0].listed(world.now) if s.id != now)  # type: ignore[index]
    written = world.write("deals", deal, {"dealstage": stage}, since=world.now - 1_000)
    id = sf_id("Opportunity", deal)
    history = (
        f"SELECT StageName, CreatedDate FROM OpportunityHistory WHERE OpportunityId = '{id}' ORDER BY CreatedDate, Id"
    )
    last = fresh.ask(history)[-1]
    name = stage_names(world.catalog)[stage]
    assert (last["StageName"], last["CreatedDate"]) == (name, iso(second(written)).replace("Z", "+0000"))
    # Into the past of what is in force: Salesforce could not have been told.
    rows = len(fresh.ask(history))
    world.write("deals", deal, {"dealstage": now or ""}, since=world.now - 86_400_000)
    assert len(fresh.ask(history)) == rows
    assert fresh.ask(history)[-1]["StageName"] == name


def test_a_bulk_job_gives_the_rows_of_query_all_in_pages(org: Org) -> None:
    soql = "SELECT Id, Name, Amount, IsDeleted, SystemModstamp FROM Opportunity"
    body = {"operation": "queryAll", "query": soql, "contentType": "CSV"}
    job = org.session.post(f"{org.base}{DATA}/jobs/query", json=body, timeout=10).json()
    assert job["state"] == "UploadComplete"
    states = [org.get(f"/jobs/query/{job['id']}").json() for _ in range(2)]
    assert [state["state"] for state in states] == ["InProgress", "JobComplete"]
    rows, locator, pages = [], "", 0
    while locator != "null":
        answer = org.get(
            f"/jobs/query/{job['id']}/results", maxRecords=150, **({"locator": locator} if locator else {})
        )
        page = list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))
        assert len(page) == int(answer.headers["Sforce-NumberOfRecords"])
        rows, locator, pages = rows + page, answer.headers["Sforce-Locator"], pages + 1
    assert pages == 3
    assert len(rows) == states[1]["numberRecordsProcessed"]
    rest = {row["Id"]: row for row in org.ask(soql, deleted=True)}
    assert {row["Id"] for row in rows} == set(rest)
    first = rows[0]
    theirs = rest[first["Id"]]
    assert first["SystemModstamp"] == theirs["SystemModstamp"].replace("+0000", "Z")
    assert next(row["Amount"] for row in rows if rest[row["Id"]]["Amount"] is None) == ""
    assert {row["IsDeleted"] for row in rows} == {"true", "false"}


def test_leads_become_contacts_of_their_opportunity(org: Org) -> None:
    leads = org.ask(
        "SELECT Id, Status, IsConverted, ConvertedDate, ConvertedOpportunityId, ConvertedContactId FROM Lead"
    )
    converted = [row for row in leads if row["IsConverted"]]
    assert {row["Status"] for row in converted} == {"Converted"}
    assert len(converted) > 200
    assert {row["Status"] for row in leads if not row["IsConverted"]} == {"Open", "Working", "Nurturing", "Qualified"}
    contacts = {row["Id"] for row in org.ask("SELECT Id FROM Contact")}
    assert {row["ConvertedContactId"] for row in converted} == contacts
    roles = org.ask("SELECT OpportunityId, ContactId, IsPrimary FROM OpportunityContactRole")
    linked = {(row["OpportunityId"], row["ContactId"]) for row in roles}
    deals = {row["Id"] for row in org.ask("SELECT Id FROM Opportunity")}
    missing = [row for row in converted if (row["ConvertedOpportunityId"], row["ConvertedContactId"]) not in linked]
    assert {row["ConvertedOpportunityId"] for row in missing} & deals == set()
    history = org.ask("SELECT LeadId, Field, NewValue FROM LeadHistory WHERE Field = 'leadConverted'")
    assert {row["LeadId"] for row in history} == {row["Id"] for row in converted}
    merged = [
        row for row in org.ask("SELECT MasterRecordId, IsDeleted FROM Lead", deleted=True) if row["MasterRecordId"]
    ]
    assert merged
    assert all(row["IsDeleted"] for row in merged)


def test_a_part_of_the_deals_makes_an_org_of_its_own(org: Org) -> None:
    with Sandbox(org.world, salesforce={"deals": lambda number: number % 3 == 0}) as sandbox:
        part = Org(sandbox)
        mine = {number_of(row["Id"]) for row in part.ask("SELECT Id FROM Opportunity")}
        assert mine == {number for number in org.world.view("deals").live if number % 3 == 0}
        ours = {number_of(row["ContactId"]) for row in part.ask("SELECT ContactId FROM OpportunityContactRole")}
        theirs = {number_of(row["ContactId"]) for row in org.ask("SELECT ContactId FROM OpportunityContactRole")}
        assert ours < theirs
        assert ours <= {number_of(row["Id"]) for row in part.ask("SELECT Id FROM Lead")}
        assert len(part.ask("SELECT Id FROM OpportunityHistory")) > 2 * len(mine)
        told = {row["opportunity_id"] for row in truth.deals(org.world, keeps=lambda number: number % 3 == 0)}
        assert {number_of(id) for id in told} >= mine
        served = requests.get(f"{sandbox.url}/_sandbox/truth/salesforce_deals", timeout=10).text.splitlines()
        assert {orjson.loads(line)["deal_id"] for line in served} == told


def test_describe_hides_what_may_not_be_seen_and_lists_record_types(fresh: Org) -> None:
    told = fresh.get("/sobjects/Opportunity/describe").json()
    names = {field["name"] for field in told["fields"]}
    assert {"StageName", "CurrencyIsoCode", "Expected_Margin__c"} <= names
    assert "UserRole.Name" not in names
    types = {info["recordTypeId"]: info["name"] for info in told["recordTypeInfos"]}
    assert types[MASTER] == "Master"
    assert set(types.values()) == {"Master", "Renewals"}
    for type, first in (
        (MASTER, "Appointment Scheduled"),
        *((id, "Due within 90 days") for id in types if id != MASTER),
    ):
        values = fresh.get(f"/ui-api/object-info/Opportunity/picklist-values/{type}/StageName").json()["values"]
        assert values[0]["value"] == first
    fresh.sandbox.salesforce.hidden["Opportunity"] = {"Amount"}
    assert fresh.get("/query", q="SELECT Amount FROM Opportunity").json()[0]["errorCode"] == "INVALID_FIELD"
    assert "Amount" not in {f["name"] for f in fresh.get("/sobjects/Opportunity/describe").json()["fields"]}
    assert fresh.get("/sobjects/Spaceship/describe").status_code == 404


def _open(world: World, id: int) -> bool:
    return (
        world.catalog.deal_stages[world.objects["deals"][id].value("dealstage", world.now) or ""][1].outcome == "open"
    )

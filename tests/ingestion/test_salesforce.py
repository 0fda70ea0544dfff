"""Salesforce extraction against the stand-in, over HTTP: what is landed is what the org holds, whatever happens there.

The yardsticks are the stand-in's own tables, a fresh full sync into another home, and the truth of the world.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

import orjson
import pytest
from tenacity import wait_none

from ingestion import client
from ingestion.sandbox import salesforce_truth as truth
from ingestion.sandbox.model import iso
from ingestion.sandbox.salesforce_ids import MASTER, number_of, sf_id
from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from ingestion.sources.salesforce.objects import FOLLOWED, OPPORTUNITIES
from tests.ingestion.salesforce_home import absent, assert_complete, good, newest, org_rows, query, sync


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither back-off nor pacing: these have their own tests (test_client.py)."""
    monkeypatch.setattr(client, "BACKOFF", wait_none())
    monkeypatch.setattr(client.Pacer, "take", lambda self, allowance: None)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(World(seed=11, deals=100), salesforce={"bin_days": 15}) as running:
        yield running


def test_a_full_sync_lands_what_the_org_holds(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.salesforce.bin_days = None
    reports = good(sync(tmp_path, sandbox))
    for spec in FOLLOWED:
        assert set(newest(tmp_path, spec.stream)) == set(org_rows(sandbox, spec)), spec.stream
        assert reports[spec.stream].kind == "full"
        assert reports[spec.stream].rows > 0, spec.stream
    deals = newest(tmp_path, "opportunities")
    assert {row["IsDeleted"] for row in deals.values()} == {"true", "false"}
    types = {id: row["stages"] for id, row in newest(tmp_path, "record_types").items()}
    assert types[MASTER][0] == "Appointment Scheduled"
    assert {row["RecordTypeId"] for row in deals.values()} - {None} == types.keys() - {MASTER}
    assert newest(tmp_path, "organization").popitem()[1]["DefaultCurrencyIsoCode"] == "EUR"
    users = newest(tmp_path, "users")
    assert {row["OwnerId"] for row in newest(tmp_path, "leads").values()} <= users.keys()
    assert {row.get("Type") for row in users.values()} == {None, "Queue"}
    assert {row["RoleName"] for id, row in users.items() if id[:3] == "005"} >= {None, "Renewals"}
    [counts] = [row for row in newest(tmp_path, "source_counts").values() if row["object"] == "deals"]
    live = len(sandbox.world.view("deals").live)
    assert (counts["live"], counts["bracket_low"], counts["bracket_high"]) == (f"{live:.2f}",) * 3


def test_no_name_and_no_address_of_a_person_is_landed(tmp_path: Path, sandbox: Sandbox) -> None:
    good(sync(tmp_path, sandbox))
    person = next(iter(sandbox.world.records("contacts")))
    for stream in ("leads", "contacts", "lead_history", "users", "accounts"):
        texts = [text for (text,) in query(tmp_path, f"select record::varchar from raw.salesforce__{stream}")]
        assert not any("@" in text or "example.com" in text for text in texts), stream
        assert stream == "users" or not any(f'"{person.own[1]}"' in text for text in texts)
    assert len({row["email_hash"] for row in newest(tmp_path, "leads").values()}) > 100


def test_incremental_syncs_equal_a_fresh_full_one(tmp_path: Path, sandbox: Sandbox) -> None:
    """Over the recycle bin's end too: what vanished from it was seen in it, or is absent."""
    home = tmp_path / "home"
    good(sync(home, sandbox))
    for days in (1, 12, 40):
        sandbox.world.advance(days)
        assert good(sync(home, sandbox))["opportunities"].kind == "incremental"
        assert_complete(home, sandbox, tmp_path / f"fresh-{days}")
    assert absent(home, "leads") | absent(home, "deals") | absent(home, "companies")


def test_what_was_landed_is_the_truth_of_all_looks(tmp_path: Path, sandbox: Sandbox) -> None:
    """Rows of the history by CreatedDate and Id whose stage differs from the one before, as a reader takes them."""
    for days in (0, 20, 30):
        sandbox.world.advance(days)
        good(sync(tmp_path, sandbox))
    rows = sorted(newest(tmp_path, "opportunity_history").values(), key=lambda row: (row["CreatedDate"], row["Id"]))
    rows.sort(key=lambda row: row["OpportunityId"])
    told = []
    for deal, entries in groupby(rows, key=lambda row: row["OpportunityId"]):
        before = None
        for row in entries:
            if row["StageName"] != before:
                told.append((deal, row["StageName"], iso(row["CreatedDate"])))
                before = row["StageName"]
    wanted = [tuple(row.values()) for row in truth.transitions(sandbox.world, bin_days=15)]
    assert sorted(told) == sorted(wanted)
    assert len(wanted) > 300
    deals, absences = newest(tmp_path, "opportunities"), absent(tmp_path, "deals")
    for row in truth.deals(sandbox.world, bin_days=15):
        ours = deals[row["opportunity_id"]]
        assert (ours["StageName"], ours["Amount"], ours["OwnerId"]) == (row["stage"], row["amount"], row["owner_id"])
        if row["deleted_how"] == "deleted":
            assert (ours["IsDeleted"], iso(ours["SystemModstamp"])) == ("true", row["deleted_at"])
        else:
            gone = ours["IsDeleted"] == "true" or row["opportunity_id"] in absences
            assert gone == (row["deleted_how"] == "absent")


def test_nothing_new_lands_no_record_again(tmp_path: Path, sandbox: Sandbox) -> None:
    good(sync(tmp_path, sandbox))
    reports = good(sync(tmp_path, sandbox))
    assert {spec.stream: reports[spec.stream].rows for spec in FOLLOWED} == {spec.stream: 0 for spec in FOLLOWED}
    assert sum(report.requests for report in reports.values()) <= 60


def test_two_changes_within_one_second_are_both_known(tmp_path: Path, sandbox: Sandbox) -> None:
    """The date of both is the same whole second, and a sync came between them."""
    good(sync(tmp_path, sandbox))
    sandbox.world.advance(1.0)
    deal = sandbox.world.view("deals").live[0]
    for amount in ("111.25", "222.75"):
        sandbox.world.write("deals", deal, {"amount": amount})
        good(sync(tmp_path, sandbox))
        assert newest(tmp_path, "opportunities")[sf_id("Opportunity", deal)]["Amount"] == amount


def test_a_purged_record_is_absent_as_late_as_can_be(tmp_path: Path, sandbox: Sandbox) -> None:
    good(sync(tmp_path, sandbox))
    deal = sandbox.world.view("deals").live[3]
    sandbox.world.purge("deals", deal)
    as_of = datetime.fromtimestamp(sandbox.world.now / 1000, UTC) + timedelta(minutes=1)
    reports = good(sync(tmp_path, sandbox, as_of=as_of))
    assert absent(tmp_path, "deals") == {sf_id("Opportunity", deal)}
    [(by,)] = query(tmp_path, "select record ->> 'absent_by' from raw.salesforce__absences")
    assert datetime.fromisoformat(by) == as_of - timedelta(milliseconds=1)
    assert reports["absences"].rows == 1
    assert good(sync(tmp_path, sandbox, as_of=as_of))["absences"].rows == 0


def test_an_overlooked_record_is_found_by_the_counts(tmp_path: Path, sandbox: Sandbox) -> None:
    """Sharing rules hid it: when they no longer do, its date is old."""
    hidden = sandbox.world.view("deals").live[5]
    sandbox.salesforce.keeps = lambda number: number != hidden
    good(sync(tmp_path, sandbox))
    assert sf_id("Opportunity", hidden) not in newest(tmp_path, "opportunities")
    sandbox.salesforce.keeps = lambda number: True
    sandbox.salesforce._tables.clear()
    reports = good(sync(tmp_path, sandbox))
    assert reports["opportunities"].warnings == ("comparison of ids: 1 records were missing; read now",)
    assert reports["opportunities"].rows == 1
    assert sf_id("Opportunity", hidden) in newest(tmp_path, "opportunities")


def test_no_cent_is_lost(tmp_path: Path, sandbox: Sandbox) -> None:
    deal = sandbox.world.view("deals").live[0]
    sandbox.world.write("deals", deal, {"amount": "12345678901234567.89"})
    good(sync(tmp_path, sandbox))
    [(text,)] = query(tmp_path, f"""select record::varchar from raw.salesforce__opportunities
                                    where record_id = '{sf_id("Opportunity", deal)}'""")  # fmt: skip
    assert orjson.loads(text)["Amount"] == "12345678901234567.89"


def test_an_org_of_one_currency_is_not_asked_for_others(tmp_path: Path) -> None:
    with Sandbox(World(seed=5, deals=40), salesforce={"multi_currency": False, "tracking": False}) as sandbox:
        reports = good(sync(tmp_path, sandbox))
        deals = newest(tmp_path, "opportunities")
        assert not any("CurrencyIsoCode" in row for row in deals.values())
        assert {number_of(id) for id, row in deals.items() if row["IsDeleted"] == "false"} == set(
            sandbox.world.view("deals").live
        )
        [warning] = reports["dated_conversion_rates"].warnings
        assert warning.startswith("skipped: DatedConversionRate cannot be seen")
        assert reports["opportunity_field_history"].rows == 0
        assert reports[OPPORTUNITIES.stream].warnings == ()

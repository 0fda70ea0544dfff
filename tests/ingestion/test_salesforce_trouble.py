"""Salesforce: the line, the session, the allowance, permissions and jobs that go wrong; what each leaves and says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tenacity import wait_none

from ingestion import client
from ingestion.errors import AuthError, CorruptResponse, MissingScope, RateLimited, SourceError
from ingestion.sandbox.salesforce_ids import sf_id
from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from ingestion.sources.salesforce import VENDOR, Api, api, bulk
from ingestion.sources.salesforce.objects import ACCOUNTS, FOLLOWED, OPPORTUNITIES, OPPORTUNITY_HISTORY
from tests.ingestion.salesforce_home import good, newest, org_rows, query, settings, sync


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "BACKOFF", wait_none())
    monkeypatch.setattr(client.Pacer, "take", lambda self, allowance: None)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(World(seed=5, deals=40)) as running:
        yield running


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> Any:
    """Everything by Bulk jobs of small pages, which are complete at the first look; how they go wrong."""
    monkeypatch.setattr(api, "BULK_ABOVE", 0)
    monkeypatch.setattr(bulk, "PAGE", 17)
    monkeypatch.setattr(Api.__init__, "__kwdefaults__", Api.__init__.__kwdefaults__ | {"bulk_above": 0})  # type: ignore[operator]
    sandbox.salesforce.bulk.quirks.polls = 0
    return sandbox.salesforce.bulk.quirks


def complete(home: Path, sandbox: Sandbox) -> bool:
    return all(set(newest(home, spec.stream)) == set(org_rows(sandbox, spec)) for spec in FOLLOWED)


@pytest.mark.parametrize(
    "kind", ["500", "503", "502_html", "reset", "truncated_json", "truncated_gzip", "truncated_body", "html_200"]
)
def test_faults_on_the_line_change_nothing(tmp_path: Path, sandbox: Sandbox, kind: str) -> None:
    sandbox.faults.add(kind, every=3, match="/salesforce/services/data")
    reports = good(sync(tmp_path, sandbox))
    assert sum(report.retries for report in reports.values()) >= 5
    assert complete(tmp_path, sandbox)


def test_an_ended_session_is_renewed_once_for_all_threads(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.faults.add("401", match="Opportunity/describe", nth=1)
    good(sync(tmp_path, sandbox))
    assert sandbox.salesforce.logins == 2
    assert complete(tmp_path, sandbox)


def test_a_session_that_is_refused_again_is_an_error_of_all(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.faults.add("401", match="/query")
    reports = sync(tmp_path, sandbox)
    assert {type(report.error) for report in reports.values()} == {AuthError}
    assert "SALESFORCE_CLIENT_SECRET" in str(reports["opportunities"].error)
    assert sandbox.salesforce.logins == 2


def test_a_wrong_secret_stops_at_once(tmp_path: Path, sandbox: Sandbox) -> None:
    reports = sync(tmp_path, sandbox, "wrong-secret")
    error = reports["leads"].error
    assert isinstance(error, AuthError)
    assert "invalid_client" in str(error)
    assert "wrong-secret" not in str(error)
    assert sandbox.salesforce.used == 0


def test_a_spent_allowance_keeps_what_is_complete_and_says_when_to_come_back(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.salesforce.daily = 25
    reports = sync(tmp_path, sandbox)
    landed = {stream for stream, report in reports.items() if report.window_id}
    spent = {stream for stream, report in reports.items() if isinstance(report.error, RateLimited)}
    assert "organization" in landed
    assert {"users", "record_types", "forecasting_quotas"} <= spent
    assert not landed & spent
    assert "come back in an hour, by 2026-09-01 20:00 UTC at the latest" in str(reports["users"].error)
    assert sandbox.statuses[403] <= 6, "one refusal a thread at most"
    sandbox.salesforce.daily, sandbox.salesforce.used = 15_000, 0
    good(sync(tmp_path, sandbox))
    assert complete(tmp_path, sandbox)


def test_four_fifths_of_the_allowance_are_told(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.salesforce.used = 11_990
    [warning] = good(sync(tmp_path, sandbox))["organization"].warnings
    assert warning.startswith("the org has used 80% of its daily API requests (12,0")


def test_hidden_fields_are_gone_without_or_named(tmp_path: Path, sandbox: Sandbox) -> None:
    hidden = sandbox.salesforce.hidden
    hidden["Opportunity"], hidden["Lead"] = {"LeadSource", "Type"}, {"Status"}
    reports = sync(tmp_path, sandbox)
    [warning] = reports["opportunities"].warnings
    assert warning == "Opportunity lacks LeadSource, Type (field-level security, or not in this org): gone without"
    error = reports["leads"].error
    assert isinstance(error, MissingScope)
    assert error.scope == "field-level read of Lead: Status"
    assert {stream for stream, report in reports.items() if report.error} == {"leads"}
    hidden.clear()
    reports = good(sync(tmp_path, sandbox))
    assert reports["opportunities"].kind == "full", "old records have no value of the fields that can be seen now"
    assert all("Type" in row for row in newest(tmp_path, "opportunities").values())


def test_objects_that_cannot_be_seen(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.salesforce.missing = {"ForecastingQuota", "CampaignMember", "Group", "Lead"}
    reports = sync(tmp_path, sandbox)
    assert {stream for stream, report in reports.items() if report.error} == {"leads"}
    assert reports["leads"].error.scope == "Read and View All on Lead"  # type: ignore[union-attr]
    for stream in ("forecasting_quotas", "campaign_members", "users"):
        assert "cannot be seen" in reports[stream].warnings[0], stream


def test_check_names_what_is_missing(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.salesforce.missing = {"ForecastingQuota", "Account"}
    sandbox.salesforce.hidden["Opportunity"] = {"StageName"}
    [connection] = settings(tmp_path, sandbox).connections
    found = {result.name: result for result in VENDOR.check(connection, {"Industry_Segment__c": False})}
    assert (found["accounts"].ok, found["accounts"].scope) == (False, "Read and View All on Account")
    assert (found["opportunities"].ok, found["forecasting_quotas"].ok) == (False, True)
    assert found["opportunities"].scope == "field-level read of Opportunity: StageName"
    assert found["leads"].detail == f"{len(sandbox.salesforce.table('Lead')):,} records"
    sandbox.salesforce.hidden.clear()
    found = {result.name: result for result in VENDOR.check(connection, {"Industry_Segment__c": False, "No__c": False})}
    assert found["property Industry_Segment__c"].detail == "Industry Segment (picklist)"
    assert found["property No__c"].detail == "not known at the source: null"
    [login] = VENDOR.check(settings(tmp_path, sandbox, "wrong").connections[0], {})
    assert (login.name, login.ok) == ("login", False)


# ---- jobs
def test_jobs_give_what_pages_give(tmp_path: Path, sandbox: Sandbox, jobs: Any) -> None:
    first = sandbox.world.objects["deals"][sandbox.world.view("deals").live[0]]
    first.own = ('Two lines\nand "quotes", commas', *first.own[1:])
    good(sync(tmp_path / "jobs", sandbox))
    assert len(sandbox.salesforce.bulk.jobs) == len(FOLLOWED)
    jobs.unsupported = {spec.sobject for spec in FOLLOWED}
    good(sync(tmp_path / "pages", sandbox))
    assert len(sandbox.salesforce.bulk.jobs) == len(FOLLOWED)
    for spec in FOLLOWED:
        assert newest(tmp_path / "jobs", spec.stream) == newest(tmp_path / "pages", spec.stream), spec.stream
    deals = newest(tmp_path / "jobs", "opportunities")
    assert deals[sf_id("Opportunity", first.id)]["Name"] == 'Two lines\nand "quotes", commas'
    assert {row["NextStep"] for row in deals.values()} == {None}


@pytest.mark.parametrize(
    ("quirk", "value", "kind", "says"),
    [
        ("failing", 99, SourceError, "ended as Failed (QUERY_TIMEOUT)"),
        ("losing", 2, CorruptResponse, "rows of"),
        ("hanging", True, SourceError, "is still InProgress after 30 minutes"),
    ],
)
def test_jobs_that_fail_land_nothing(
    tmp_path: Path, sandbox: Sandbox, jobs: Any, monkeypatch: pytest.MonkeyPatch,
    quirk: str, value: Any, kind: type[SourceError], says: str,
) -> None:  # fmt: skip
    ticks = iter(range(0, 10**9, 61))
    defaults = {"sleep": lambda seconds: None, "clock": lambda: float(next(ticks))}
    monkeypatch.setattr(Api.__init__, "__kwdefaults__", Api.__init__.__kwdefaults__ | defaults)  # type: ignore[operator]
    setattr(jobs, quirk, value)
    reports = sync(tmp_path, sandbox)
    for spec in FOLLOWED:
        assert type(reports[spec.stream].error) is kind
        assert says in str(reports[spec.stream].error), spec.stream
    assert query(tmp_path, "select count(*) from raw.salesforce__opportunities") == [(0,)]
    assert reports["users"].error is None
    setattr(jobs, quirk, False)
    good(sync(tmp_path, sandbox))
    assert complete(tmp_path, sandbox)


# ---- pages
def connected(sandbox: Sandbox, tmp_path: Path) -> Api:
    made = Api(settings(tmp_path, sandbox).connections[0])
    made.login("organization")
    return made


def test_a_lost_locator_goes_on_from_the_last_row(tmp_path: Path, sandbox: Sandbox) -> None:
    """Also where many rows have one date, as after an import."""
    org = sandbox.salesforce
    org.page = 7
    for row in org.table("OpportunityHistory")[40:75]:
        row["SystemModstamp"] = 1_780_000_000_000
    rows, seen = sorted(org.table("OpportunityHistory"), key=lambda row: row["Id"]), []
    pages = connected(sandbox, tmp_path).pages(OPPORTUNITY_HISTORY, ("Id", "StageName", "SystemModstamp"))
    for number, row in enumerate(pages, 1):
        seen.append(row)
        if number % 30 == 0:
            org.forget_locators()
    assert sorted(row["Id"] for row in seen) == [row["Id"] for row in rows]
    assert len(rows) > 150


def test_a_list_of_fields_too_long_for_an_address_is_asked_in_parts(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    org = connected(sandbox, tmp_path)
    fields = org.fields(OPPORTUNITIES, org.describe(OPPORTUNITIES))
    whole = {row["Id"]: row for row in org.pages(OPPORTUNITIES, fields)}
    monkeypatch.setattr(api, "IDS_A_QUERY", 15)
    monkeypatch.setattr(api, "LONGEST_QUERY", 1_080)
    assert len(api.split(fields, "SystemModstamp")) >= 3
    parts = {row["Id"]: row for row in org.pages(OPPORTUNITIES, fields)}
    assert parts == whole
    assert len(whole) > 30


def test_a_query_of_ids_fits_an_address(tmp_path: Path, sandbox: Sandbox) -> None:
    org = connected(sandbox, tmp_path)
    described = org.describe(ACCOUNTS)
    ids = [row["Id"] for row in sandbox.salesforce.table("Account")]
    made_up = [sf_id("Account", number) for number in range(1_000, 1_400)]
    found = list(org.by_ids(ACCOUNTS, org.fields(ACCOUNTS, described), [*made_up, *ids]))
    assert {row["Id"] for row in found} == set(ids)

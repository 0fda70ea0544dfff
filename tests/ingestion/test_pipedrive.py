"""Pipedrive against the stand-in, over HTTP: what is landed is what the company holds, whatever happens on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from tenacity import wait_none

from ingestion import client
from ingestion.errors import AuthError, MissingScope, RateLimited
from ingestion.sandbox import pipedrive
from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from ingestion.settings import Connection, Secret
from ingestion.sources.pipedrive import VENDOR, Api
from ingestion.sources.pipedrive.dialect import PATIENCE
from ingestion.sources.pipedrive.extract import DEALS, STANDING
from tests.ingestion.server import Answer, Scripted
from tests.ingestion.vendor_home import Home

SHARED = Path(__file__).parents[3] / "shared" / "contracts" / "pipedrive"
beside = pytest.mark.skipif(not SHARED.exists(), reason=f"the vendors' contracts are not beside the project ({SHARED})")
FOLLOWED = ("deals", "persons", "leads")
ALL = {stream.name for stream in VENDOR.streams} - {"absences", "source_counts"}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "BACKOFF", wait_none())
    monkeypatch.setattr(client.Pacer, "take", lambda self, allowance: None)
    monkeypatch.setattr(client.Pacer, "hold", lambda self, allowance, seconds: None)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with Sandbox(World(seed=5, deals=25)) as sandbox:
        yield Home(tmp_path / "home", "pipedrive", sandbox)


def company(home: Home) -> Any:
    return home.sandbox.stand_ins["pipedrive"]


def held(home: Home, kind: str) -> dict[str, Any]:
    """{id: row} that the company holds, by the stand-in's own tables, as JSON has them."""
    rows = list(getattr(company(home).shapes, kind)())
    return {str(row["id"]): orjson.loads(orjson.dumps(row)) for row in rows}


def assert_complete(home: Home) -> None:
    """Newest versions and changelogs = the company's; what it has no more was said to be deleted, or is absent."""
    for stream in FOLLOWED:
        ours, theirs = home.newest(stream), held(home, stream)
        assert [id for id, row in theirs.items() if ours[id]["update_time"] != row["update_time"]] == [], stream
        gone = {id for id in ours.keys() - theirs.keys() if ours[id].get("is_deleted") is not True}
        name = {"persons": "contacts"}.get(stream, stream)
        assert gone == home.absent(name) - theirs.keys(), stream
    deals, changes = held(home, "deals"), home.newest("deal_changes")
    for id, deal in deals.items():
        assert changes[id]["deal_update_time"] == deal["update_time"]
        assert changes[id]["changes"][::-1] == company(home).shapes.changelog(int(id))


def test_a_full_sync_lands_what_the_company_holds(home: Home) -> None:
    reports = home.good()
    assert_complete(home)
    assert {reports[stream].kind for stream in FOLLOWED} == {"full"}
    deals = home.newest("deals")
    assert {deal["status"] for deal in deals.values()} == {"open", "won", "lost", "deleted"}
    assert home.newest("stages").keys() == held(home, "stages").keys()
    assert home.newest("pipelines").keys() == held(home, "pipelines").keys()
    assert sum(len(row["changes"]) for row in home.newest("deal_changes").values()) > 100
    [count] = [row for row in home.newest("source_counts").values() if row["object"] == "deals"]
    assert count["live"] == sum(deal["status"] != "deleted" for deal in deals.values())


def test_no_name_and_no_address_of_a_person_is_landed(home: Home) -> None:
    home.good()
    person = next(iter(home.sandbox.world.records("contacts")))
    for stream in ("persons", "leads", "users"):
        texts = [text for (text,) in home.query(f"select record::varchar from raw.pipedrive__{stream}")]
        assert not any("@" in text for text in texts), stream
        assert stream == "users" or not any(f'"{person.own[1]}"' in text for text in texts)
    hashes = {row["email_hash"] for row in home.newest("persons").values()}
    assert len(hashes) == len(held(home, "persons"))


def test_incremental_syncs_follow_the_company(home: Home) -> None:
    """Over the end of the thirty days that a deleted deal can be had, too."""
    home.good()
    before = len(home.query("select 1 from raw.pipedrive__deal_changes"))
    for days in (1, 12, 40):
        home.sandbox.world.advance(days)
        assert home.good()["deals"].kind == "incremental"
        assert_complete(home)
    assert 0 < len(home.query("select 1 from raw.pipedrive__deal_changes")) - before < 3 * before


def test_nothing_new_lands_nothing_and_asks_little(home: Home) -> None:
    home.good()
    reports = home.good()
    assert {stream: reports[stream].rows for stream in (*FOLLOWED, "deal_changes")} == dict.fromkeys(
        (*FOLLOWED, "deal_changes"), 0
    )
    assert sum(report.requests for report in reports.values()) <= 12


def test_deletions_are_told_by_the_bin_and_by_the_weekly_list(home: Home) -> None:
    home.good()
    binned, purged, *_ = home.sandbox.world.view("deals").live
    home.sandbox.world.advance(0.1)
    home.sandbox.world.archive("deals", binned)
    home.sandbox.world.purge("deals", purged)
    home.good()
    assert home.newest("deals")[str(binned)]["is_deleted"] is True
    assert home.absent("deals") == set()
    home.sandbox.world.advance(7.1)
    home.good()
    assert str(purged) in home.absent("deals")
    assert str(binned) not in home.absent("deals")
    home.sandbox.world.restore("deals", binned)
    home.good()
    assert home.newest("deals")[str(binned)]["is_deleted"] is False


def test_no_cent_is_lost(home: Home) -> None:
    deal = home.sandbox.world.view("deals").live[0]
    home.sandbox.world.write("deals", deal, {"amount": "12345678901234567.89"})
    home.good()
    assert home.newest("deals")[str(deal)]["value"] == "12345678901234567.89"


def test_a_spent_budget_keeps_what_is_complete_and_goes_on_the_next_day(home: Home) -> None:
    company(home).daily = 500
    reports = home.sync()
    error = reports["deal_changes"].error
    assert isinstance(error, RateLimited)
    assert "daily budget of API tokens is used up" in str(error)
    assert "midnight UTC" in str(error)
    assert home.landed() >= ALL
    read = home.newest("deal_changes")
    assert 0 < len(read) < len(held(home, "deals"))

    company(home).used = 0
    company(home).daily = 10**6
    reports = home.good()
    assert reports["deal_changes"].rows == len(held(home, "deals")) - len(read)
    assert_complete(home)


def test_a_budget_that_is_spent_at_once_is_every_streams_error(home: Home) -> None:
    company(home).daily = 0
    reports = home.sync()
    assert {type(report.error) for report in reports.values()} == {RateLimited}
    assert sum(report.requests + report.retries for report in reports.values()) <= 8


def test_a_burst_is_waited_out_and_the_gateways_block_is_not(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.sandbox.faults.add("429", match="/pipedrive/api/v2/stages", times=PATIENCE - 1)
    assert home.good()["stages"].retries == PATIENCE - 1
    monkeypatch.setattr(company(home), "answer", lambda asked: (403, b"<html>", {"Content-Type": "text/html"}))
    error = home.sync()["users"].error
    assert isinstance(error, RateLimited)
    assert "gateway" in str(error)


@pytest.mark.parametrize("kind", ["reset", "200_error"])
def test_faults_on_the_line_change_nothing(home: Home, kind: str) -> None:
    home.sandbox.faults.add(kind, every=4, match="/pipedrive/")
    assert sum(report.retries for report in home.good().values()) > 5
    assert_complete(home)


def test_what_the_tokens_user_may_not_read_is_named(home: Home) -> None:
    company(home).forbidden = {"/persons", "/leads"}
    reports = home.sync()
    error = reports["persons"].error
    assert isinstance(error, MissingScope)
    assert error.scope == "contacts:read"
    [warning] = reports["leads"].warnings
    assert "leads:read" in warning
    assert reports["leads"].error is None
    assert home.newest("deals").keys() == held(home, "deals").keys()
    lines = {line.name: line for line in VENDOR.check(home.settings.connections[0], {})}
    assert {name for name, line in lines.items() if not line.ok} == {"persons"}
    assert (lines["deal_changes"].detail, lines["persons"].scope) == ("readable", "contacts:read")


def test_a_token_that_ended_stops_at_once_and_is_not_told(home: Home) -> None:
    home.changed = {"API_TOKEN": "ended-token"}
    reports = home.sync()
    assert {type(report.error) for report in reports.values()} == {AuthError}
    assert "PIPEDRIVE_API_TOKEN" in str(reports["deals"].error)
    assert "ended-token" not in str(reports["deals"].error)
    assert sum(report.requests for report in reports.values()) == 1
    [line] = VENDOR.check(home.settings.connections[0], {})
    assert not line.ok


def test_a_company_may_be_told_as_a_name_or_as_an_address() -> None:
    for told in ("acme", "acme.pipedrive.com", "https://acme.pipedrive.com/"):
        api = api_at("", told)
        assert (api.company, api.client.base_url) == ("acme", "https://acme.pipedrive.com")


def api_at(base: str, told: str = "acme") -> Api:
    secrets = {"COMPANY_DOMAIN": Secret(told), "API_TOKEN": Secret("token")}
    return Api(Connection("pipedrive", "pipedrive", base, secrets))


@beside
def test_documented_records_are_parsed() -> None:
    """The samples are of v1, whose deals differ in their owner's name alone of what is read here."""
    samples: dict[str, list[Any]] = {}
    for line in (SHARED / "samples" / "airbyte_v1_subset.jsonl").read_text().splitlines():
        entry = json.loads(line)
        samples.setdefault(entry["stream"], []).append(entry["data"])

    def answer(path: str) -> Answer:
        name = path.split("?")[0].rsplit("/", 1)[1]
        given = samples.get(name, [])
        return Answer(body=json.dumps({"success": True, "data": given, "additional_data": {}}).encode())

    with Scripted(answer) as server:
        api = api_at(server.url)
        deals, users = list(api.deals(None)), list(api.users())
        stages, pipelines = list(api.listed("stages")), list(api.listed("pipelines"))
    names = {DEALS.modified, *STANDING, "id", "value", "currency", "add_time", "lost_reason"}
    assert all(names <= deal.keys() for deal in deals)
    assert [(deal["id"], deal["value"]) for deal in deals][:2] == [(11, 1500), (13, 1200)]
    assert all(None not in (user["id"], user["created"], user["default_currency"]) for user in users)
    assert {stage["pipeline_id"] for stage in stages} <= {pipeline["id"] for pipeline in pipelines}


@beside
def test_the_stand_in_has_the_contracts_routes_and_parameters() -> None:
    known = {
        (key[:2], operation["path"]): set(operation["query_params"])
        for key, operation in json.loads((SHARED / "contract.json").read_text())["operations"].items()
    }
    seen = set()
    for _, pattern, name in pipedrive.Pipedrive.routes:
        version, path = pattern.removeprefix("/api/")[:2], pattern.removeprefix("/api/")[2:]
        for kind in ("pipelines", "stages") if name == "configured" else (name,):
            plain = path.replace(r"(?P<id>\d+)", "{id}").replace("(?P<kind>pipelines|stages)", kind)
            params = pipedrive.PARAMS["deals" if name == "archived_deals" else kind]
            assert set(params) <= known[version, plain], plain
            seen.add(plain)
    assert len(seen) == 9

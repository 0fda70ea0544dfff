"""HubSpot extraction against the stand-in, over HTTP: whatever happens at the source or on the line, what is landed is
what the source holds. The yardstick is a fresh full sync into another home, and the world itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tenacity import wait_none

from ingestion import client
from ingestion.extract import extract
from ingestion.loading import load_new, open_warehouse, read_state
from ingestion.sandbox.hubspot_config import goal, goal_shapes
from ingestion.sandbox.model import BULK, Change
from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from ingestion.settings import Settings, load_settings
from ingestion.sources.hubspot import VENDOR, walk
from ingestion.sources.hubspot.state import Listing
from ingestion.stream import StreamReport
from ingestion.units import absent_by

OBJECTS = ("deals", "contacts", "companies", "leads")
TOKEN = "sandbox-token"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither back-off nor pacing: these have their own tests (test_client.py)."""
    monkeypatch.setattr(client, "BACKOFF", wait_none())
    monkeypatch.setattr(client.Pacer, "take", lambda self, allowance: None)


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Its line counts as quick, however busy this machine is: a slow one is walked by other requests."""
    monkeypatch.setattr(walk, "SLOW_ANSWER", 60.0)
    with Sandbox(World(seed=11, deals=150), rate=None, search_rate=None) as running:
        yield running


def settings(home: Path, url: str, token: str = TOKEN) -> Settings:
    return load_settings({"HUBSPOT_ACCESS_TOKEN": token, "HUBSPOT_API_BASE": url, "FUNNEL_PII_KEY": "test"}, home)


def sync(home: Path, sandbox: Sandbox, **options: Any) -> dict[str, StreamReport]:
    given = settings(home, sandbox.url)
    reports = extract(given, {"hubspot": read_state(given.warehouse, "hubspot", "hubspot")}, **options)
    load_new(given.warehouse, given.landing)
    return {report.stream: report for report in reports}


def good(reports: dict[str, StreamReport]) -> dict[str, StreamReport]:
    assert [str(r.error) for r in reports.values() if r.error] == []
    return reports


def query(home: Path, sql: str) -> list[tuple]:
    with open_warehouse(home / "warehouse.duckdb", read_only=True) as connection:
        return connection.execute(sql).fetchall()


NEWEST = """select record_id, arg_max(record::varchar, (window_seq, part, line)) from raw.hubspot__{0} group by 1"""
ABSENT = """select record ->> 'object_id' from raw.hubspot__absences a where record ->> 'object' = '{0}' and
            window_seq >= (select coalesce(max(window_seq), 0) from raw.hubspot__{0} r
                           where r.record_id = a.record ->> 'object_id')"""


def newest(home: Path, stream: str) -> dict[int, str]:
    return {int(record_id): record for record_id, record in query(home, NEWEST.format(stream))}


def absent(home: Path, stream: str) -> set[int]:
    return {int(row[0]) for row in query(home, ABSENT.format(stream))}


def everything(home: Path, form: str) -> dict[str, list[tuple]]:
    """{stream: rows} of a query for each of OBJECTS; a file is opened in twenty milliseconds, so once."""
    with open_warehouse(home / "warehouse.duckdb", read_only=True) as connection:
        return {stream: connection.execute(form.format(stream)).fetchall() for stream in OBJECTS}


def assert_complete(home: Path, sandbox: Sandbox, tmp_path: Path) -> None:
    """Newest versions here = a fresh full sync, record by record; what the source no longer has is merged or absent."""
    fresh = tmp_path / f"fresh-{sandbox.world.now}"
    good(sync(fresh, sandbox))
    here, there, gone = everything(home, NEWEST), everything(fresh, NEWEST), everything(home, ABSENT)
    for stream in OBJECTS:
        ours, theirs = ({int(id): record for id, record in found[stream]} for found in (here, there))
        view, not_there = sandbox.world.view(stream), {int(row[0]) for row in gone[stream]}
        assert set(theirs) == set(view.live) | set(view.archived)
        assert [(ours.get(number), record) for number, record in theirs.items() if ours.get(number) != record] == []
        merged = {int(n) for record in theirs.values() for n in losers(record)}
        assert set(ours) - set(theirs) - merged <= not_there, stream
        assert not not_there & set(theirs), stream


def losers(record: str) -> list[str]:
    import orjson

    properties = orjson.loads(record)["properties"]
    vids = [pair.split(":")[0] for pair in (properties.get("hs_calculated_merged_vids") or "").split(";")]
    return [n for n in [*(properties.get("hs_merged_object_ids") or "").split(";"), *vids] if n]


def test_a_full_sync_lands_every_record_with_its_history(tmp_path: Path, sandbox: Sandbox) -> None:
    reports = good(sync(tmp_path / "home", sandbox))
    for stream in OBJECTS:
        view = sandbox.world.view(stream)
        assert set(newest(tmp_path / "home", stream)) == set(view.live) | set(view.archived)
        assert reports[stream].kind == "full"
    assert len(sandbox.world.view("deals").archived) > 0
    [(with_history,)] = query(
        tmp_path / "home",
        """select count(*) from raw.hubspot__deals
           where json_array_length(record -> 'propertiesWithHistory' -> 'dealstage') > 0""",
    )
    assert with_history == reports["deals"].rows


def test_incremental_syncs_equal_a_fresh_full_one(tmp_path: Path, sandbox: Sandbox) -> None:
    home = tmp_path / "home"
    good(sync(home, sandbox))
    for days in (1, 25, 40):
        sandbox.world.advance(days)
        reports = good(sync(home, sandbox))
        assert reports["deals"].kind == "incremental"
        assert_complete(home, sandbox, tmp_path)


def test_nothing_new_lands_no_record_again(tmp_path: Path, sandbox: Sandbox) -> None:
    home = tmp_path / "home"
    good(sync(home, sandbox))
    reports = good(sync(home, sandbox))
    assert {s: reports[s].rows for s in OBJECTS} == dict.fromkeys(OBJECTS, 0)
    assert sum(r.requests for r in reports.values()) <= 25


@pytest.mark.parametrize(
    "kind",
    ["429_retry_after", "500", "502_html", "reset", "truncated_json", "truncated_gzip", "truncated_body", "html_200"],
)
def test_faults_on_the_line_change_nothing(tmp_path: Path, sandbox: Sandbox, kind: str) -> None:
    home = tmp_path / "home"
    sandbox.faults.add(kind, every=3, match="/crm/", retry_after=0)
    reports = good(sync(home, sandbox))
    assert sum(r.retries for r in reports.values()) >= 5
    sandbox.world.advance(20)
    good(sync(home, sandbox))
    sandbox.faults.clear()
    assert_complete(home, sandbox, tmp_path)


@pytest.mark.parametrize("action", ["modify", "archive", "purge"])
@pytest.mark.parametrize("position", [0, 80, 10_000])
def test_records_that_move_while_we_page(tmp_path: Path, sandbox: Sandbox, action: str, position: int) -> None:
    """Before, at and after the page that is being read; in the same or the next sync it comes out right."""
    home = tmp_path / "home"
    sandbox.faults.add("shift_page", match="objects/2026-09/deals?", nth=3, action=action, position=position)
    good(sync(home, sandbox))
    assert any(hit["kind"] == "shift_page" for hit in sandbox.faults.struck)
    sandbox.faults.clear()
    good(sync(home, sandbox))
    assert_complete(home, sandbox, tmp_path)


def test_a_restored_record_is_live_again_and_a_purged_one_absent(tmp_path: Path, sandbox: Sandbox) -> None:
    home, world = tmp_path / "home", sandbox.world
    deals = list(world.view("deals").live)
    world.archive("deals", deals[5])
    world.archive("deals", deals[6])
    good(sync(home, sandbox))
    world.restore("deals", deals[5])
    world.purge("deals", deals[6])
    world.purge("deals", deals[7])
    good(sync(home, sandbox))
    assert absent(home, "deals") == {deals[6], deals[7]}
    assert '"archived":false' in newest(home, "deals")[deals[5]]
    assert_complete(home, sandbox, tmp_path)


def test_a_purge_is_dated_as_late_as_can_be_known() -> None:
    june, july, november = (datetime(2026, month, 15, 12, tzinfo=UTC) for month in (6, 7, 11))
    just_before = july - timedelta(milliseconds=1)
    assert absent_by(june, july) == just_before, "a quiet portal: it was there at the end of June, for all we know"
    assert absent_by(july + timedelta(seconds=9), july) == just_before, "something was modified while the run began"
    assert absent_by(None, july) == just_before
    assert absent_by(november, july) == november, "a replay of July in November knows nothing of July"
    assert absent_by(june, None) == june


def test_archived_records_that_are_not_to_be_had_by_id_come_from_the_list(tmp_path: Path, sandbox: Sandbox) -> None:
    home, world = tmp_path / "home", sandbox.world
    good(sync(home, sandbox))
    number = next(iter(world.view("deals").live))
    world.archive("deals", number)
    real = sandbox.api.answer

    def by_id_only_live(method: str, path: str, query: Any, body: Any) -> Any:
        if path.endswith("/batch/read") and query.get("archived") == ["true"]:
            return 200, {"status": "COMPLETE", "results": [], "startedAt": "", "completedAt": ""}
        return real(method, path, query, body)

    sandbox.api.answer = by_id_only_live  # type: ignore[method-assign]
    good(sync(home, sandbox))
    record = newest(home, "deals")[number]
    assert '"archived":true' in record
    assert '"dealstage":[{' in record
    sandbox.api.answer = real  # type: ignore[method-assign]
    assert_complete(home, sandbox, tmp_path)


def test_merges_leave_no_live_duplicate(tmp_path: Path, sandbox: Sandbox) -> None:
    home, world = tmp_path / "home", sandbox.world
    good(sync(home, sandbox))
    deals = list(world.view("deals").live)
    world.merge("deals", deals[0], deals[1])
    minted = world.merge("deals", deals[2], deals[3], mint=True)
    chained = world.merge("deals", minted, deals[0])
    contacts = list(world.view("contacts").live)
    world.merge("contacts", contacts[0], contacts[1])
    good(sync(home, sandbox))
    counts = "select record ->> 'live' from raw.hubspot__source_counts where record_id = 'deals'"
    [(count,)] = query(home, f"{counts} order by window_seq desc limit 1")
    assert int(count) == len(world.view("deals").live)
    assert set(losers(newest(home, "deals")[chained])) >= {str(deals[0])}
    assert_complete(home, sandbox, tmp_path)
    state = read_state(home / "warehouse.duckdb", "hubspot", "hubspot")
    for stream in OBJECTS:
        assert list(state.objects[stream].live) == sorted(world.view(stream).live), stream


def test_thousands_that_share_one_modification_time(tmp_path: Path) -> None:
    """More than a search page, all in one millisecond, and past it in the overlap of the next sync."""
    with Sandbox(World(seed=3, deals=700), rate=None, search_rate=None) as sandbox:
        home, world = tmp_path / "home", sandbox.world
        good(sync(home, sandbox))
        world.advance(1)
        for number in list(world.view("deals").live)[:450]:
            world.objects["deals"][number].add(Change(world.now, "amount", "777", world.now, BULK))
        world.version += 1
        reports = good(sync(home, sandbox))
        assert reports["deals"].rows >= 450
        assert_complete(home, sandbox, tmp_path)
        assert good(sync(home, sandbox))["deals"].rows == 0


def test_the_search_index_may_lag(tmp_path: Path) -> None:
    with Sandbox(World(seed=5, deals=150), rate=None, search_rate=None, search_lag=1_800) as sandbox:
        home = tmp_path / "home"
        good(sync(home, sandbox))
        for days in (10, 0.01, 0.05):
            sandbox.world.advance(days)
            good(sync(home, sandbox))
        sandbox.world.advance(0.1)
        good(sync(home, sandbox))
        sandbox.api.index.lag = 0
        assert not absent(home, "deals") & set(sandbox.world.view("deals").live)
        assert_complete(home, sandbox, tmp_path)


@pytest.mark.parametrize("opaque", [False, True])
def test_a_slow_line_is_walked_side_by_side_and_opaque_cursors_serially(tmp_path: Path, opaque: bool) -> None:
    with Sandbox(World(seed=8, deals=800), rate=None, search_rate=None, latency=0.07, opaque_paging=opaque) as sandbox:
        reports = good(sync(tmp_path / "home", sandbox))
        live = sandbox.world.view("deals").live
        assert set(newest(tmp_path / "home", "deals")) >= set(live)
        assert reports["deals"].requests <= len(live) / 50 * 1.5 + 12


def test_an_absent_lead_scope_skips_leads_and_says_so(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.api.without_scopes = {"crm.objects.leads.read"}
    reports = good(sync(tmp_path / "home", sandbox))
    assert reports["leads"].window_id is None
    assert "crm.objects.leads.read" in reports["leads"].warnings[0]
    assert reports["deals"].rows > 0


def test_goals_are_landed_whole_a_page_at_a_time(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.api.goals = [goal(number, 404, 2026, 1, 5_000 + number) for number in range(1, 51)]
    home = tmp_path / "home"
    goals = [*goal_shapes(sandbox.world), *sandbox.api.goals]
    assert len(goals) > 100, "one page holds them all"
    reports = good(sync(home, sandbox))
    assert reports["goal_targets"].rows == len(goals)
    assert reports["goal_targets"].requests == -(-len(goals) // 100)
    told = "select record_id, record->'properties'->>'hs_target_amount', record->'properties'->>'hubspot_owner_id'"
    landed = query(home, f"{told} from raw.hubspot__goal_targets")
    properties = {g["id"]: g["properties"] for g in goals}
    assert {(id, p["hs_target_amount"], p["hubspot_owner_id"]) for id, p in properties.items()} == set(landed)


def test_a_portal_without_goals_or_their_scope_goes_on_and_check_says_so(tmp_path: Path, sandbox: Sandbox) -> None:
    def checked() -> tuple[bool, str, str | None]:
        [connection] = settings(tmp_path / "home", sandbox.url).connections
        [found] = [result for result in VENDOR.check(connection, {}) if result.name == "goal_targets"]
        return found.ok, found.detail, found.scope

    ok, detail, _ = checked()
    assert (ok, detail) == (True, f"{len(goal_shapes(sandbox.world))} goals")
    sandbox.api.without_scopes = {"crm.objects.goals.read"}
    reports = good(sync(tmp_path / "home", sandbox))
    assert reports["goal_targets"].warnings == ("skipped: the token lacks the scope crm.objects.goals.read",)
    assert checked() == (True, "the token lacks the scope crm.objects.goals.read", "crm.objects.goals.read")
    sandbox.api.goals = None
    reports = good(sync(tmp_path / "home", sandbox))
    assert reports["goal_targets"].warnings == ("skipped: this portal has no goals",)
    assert checked() == (True, "none: this portal has no goals; quotas are those of targets.csv", None)


def test_a_missing_deal_scope_is_named_and_lands_no_deal(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.api.without_scopes = {"crm.objects.deals.read"}
    reports = sync(tmp_path / "home", sandbox)
    assert reports["deals"].error is not None
    assert "crm.objects.deals.read" in str(reports["deals"].error)
    assert list((tmp_path / "home/landing").glob("hubspot/deals/*")) == []


def test_a_token_that_expires_in_mid_run_stops_everything(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.faults.add("401", match="objects/2026-09/deals?", nth=3)
    reports = sync(tmp_path / "home", sandbox)
    assert "refused the token" in str(reports["deals"].error)
    assert list((tmp_path / "home/landing").glob("hubspot/deals/*")) == []


def test_endless_paging_fails_the_stream_and_lands_nothing(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.faults.add("same_cursor", match="objects/2026-09/deals?")
    reports = sync(tmp_path / "home", sandbox)
    assert "same cursor" in str(reports["deals"].error)
    assert "/crm/objects/2026-09/deals" in str(reports["deals"].error)
    assert list((tmp_path / "home/landing").glob("hubspot/deals/*")) == []
    assert reports["contacts"].error is None


def test_neither_secrets_nor_personal_data_are_landed(tmp_path: Path, sandbox: Sandbox) -> None:
    import zstandard

    good(sync(tmp_path / "home", sandbox))
    landed = b"".join(
        zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read()
        for path in (tmp_path / "home/landing").rglob("*.zst")
    ) + b"".join(path.read_bytes() for path in (tmp_path / "home/landing").rglob("window.json"))
    assert TOKEN.encode() not in landed
    assert b"@" not in landed.replace(b"\\u0040", b"@"), "an e-mail address was landed"
    assert landed.count(b'"email_hash":"') > 100


def test_a_property_removed_at_the_source_is_a_warning_and_the_list_lands_when_it_changed(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    home, lists = tmp_path / "home", []
    for removed in (set(), set(), {"closed_lost_reason"}, {"closed_lost_reason"}, set()):
        sandbox.shapes.quirks.removed["deals"] = removed
        reports = good(sync(home, sandbox))
        assert ("closed_lost_reason" in "".join(reports["deals"].warnings)) == bool(removed)
        lists.append(reports["properties"].window_id is not None)
    assert lists == [True, False, True, False, True]
    counts = query(home, "select count(*) from raw.hubspot__properties group by window_id order by window_id")
    assert counts[1][0] == counts[0][0] - 1 == counts[2][0] - 1


def test_properties_are_listed_anew_after_a_day() -> None:
    landed = datetime(2026, 4, 10, tzinfo=UTC)
    assert not Listing({}, landed).is_old(landed + timedelta(hours=23, minutes=59))
    assert Listing({}, landed).is_old(landed + timedelta(days=1))
    assert Listing().is_old(landed)


def test_a_record_without_id_is_kept_aside_and_the_rest_goes_on(tmp_path: Path, sandbox: Sandbox) -> None:
    from ingestion.sandbox import faults

    made = faults.garble(sandbox.world, sandbox.shapes.quirks, {"kind": "null_id", "object": "deals", "count": 2})
    good(sync(tmp_path / "home", sandbox))
    assert query(tmp_path / "home", "select count(*) from meta.load_rejects where stream = 'deals'")[0][0] >= 2
    kept = set(newest(tmp_path / "home", "deals"))
    assert len(kept & set(sandbox.world.view("deals").live)) == len(sandbox.world.view("deals").live) - len(made)


def test_a_second_sync_a_day_later_is_cheap(tmp_path: Path) -> None:
    with Sandbox(World(seed=4, deals=1_500), rate=None, search_rate=None) as sandbox:
        good(sync(tmp_path / "home", sandbox))
        sandbox.world.advance(1)
        reports = good(sync(tmp_path / "home", sandbox))
        some = sum(reports[s].requests for s in ("deals", "owners", "deal_pipelines"))
        assert some <= 25
        assert sum(r.requests for r in reports.values()) <= 60

"""Every vendor of advertising figures against its stand-in over real HTTP, by one table: what staging makes of what was
landed is what the stand-in reckons, at first, with nothing new, and after restatements; refusals land nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion import client
from ingestion.errors import AuthError, MissingScope
from ingestion.pacing import Pacer
from ingestion.registry import vendors
from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from tests.ingestion import staging
from tests.ingestion.ad_place import CASES, Place


@pytest.fixture(params=CASES, ids=lambda case: case.vendor)
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    for name, value in request.param.quick.items():
        monkeypatch.setattr(request.param.source, name, value)
    monkeypatch.setattr(Pacer, "take", lambda self, allowance: None)  # pacing has tests of its own
    with Sandbox(World(seed=5, deals=5), rate=None, search_rate=None) as sandbox:
        yield Place(request.param, sandbox, tmp_path)


def test_spend_is_the_vendors_after_each_sync(place: Place) -> None:
    reports = place.sync()
    assert {name: report.error for name, report in reports.items() if report.error} == {}
    assert reports["campaign_days"].kind == "full"
    assert place.spend() == place.truth()
    assert len(place.spend()) > 15
    assert {report.window_id for report in place.sync().values()} == {None}

    for _ in range(2):
        place.sandbox.world.advance(9)
        again = place.sync()["campaign_days"]
        assert again.error is None
        assert again.kind == "incremental"
        assert again.rows < 120  # what is new and what was restated, not all of the last weeks
        assert place.spend() == place.truth()
    [(gone,)] = place.query(
        f"select count(*) from raw.{place.case.vendor}__campaign_days where record ->> '$.is_gone' = 'true'"
    )
    assert gone >= 1  # a day credited whole has no row any more


def test_every_campaign_with_figures_is_listed_with_a_name_and_a_channel(place: Place) -> None:
    place.sync()
    lists = staging.sql(f"stg_{place.case.vendor}__campaigns")
    rows = place.query(f"select source_campaign_id, campaign_name, channel from ({lists})")
    listed = {id: (name, channel) for id, name, channel in rows}
    with_figures = {id for (id,) in place.staged("campaign_days", "distinct source_campaign_id from newest")}
    assert with_figures <= set(listed)
    assert {c.name for c in place.stand_in.campaigns} == {name for name, _ in listed.values()}
    assert all(channel in ("paid_search", "paid_social", "display", "video") for _, channel in listed.values())


def test_wrong_credentials_are_told_without_them_and_land_nothing(place: Place) -> None:
    spoilt = {place.case.wrong: "not-the-secret"}
    for report in place.sync(**spoilt).values():
        assert isinstance(report.error, AuthError), report
        assert f"{place.case.vendor.upper()}_" in report.error.guidance
        assert "not-the-secret" not in str(report.error)
    assert list(place.settings().landing.glob("*/*/*/window.json")) == []
    [connection] = place.settings(**spoilt).connections
    [told] = vendors()[place.case.vendor].check(connection, {})
    assert not told.ok


def test_a_missing_permission_is_named_by_check(place: Place) -> None:
    place.sandbox.faults.add("403_scope", match=place.case.asked)
    [connection] = place.settings().connections
    told = vendors()[place.case.vendor].check(connection, {})
    assert [line.ok for line in told] == [False]
    assert told[0].scope == place.case.scope
    assert all(isinstance(report.error, MissingScope) or report.warnings for report in place.sync().values())


@pytest.mark.parametrize("fault", ["503", "reset", "truncated_body"])
def test_what_passes_is_tried_again_and_nothing_is_lost(
    place: Place, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(client, "BACKOFF", lambda state: 0.0)
    place.sandbox.faults.add(fault, match=place.case.asked, nth=2, times=2)
    reports = place.sync()
    assert {name: report.error for name, report in reports.items() if report.error} == {}
    assert place.sandbox.faults.struck
    assert place.spend() == place.truth()


def test_what_does_not_pass_lands_nothing_and_is_all_there_the_next_time(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "BACKOFF", lambda state: 0.0)
    place.sandbox.faults.add("truncated_json", match=place.case.asked)
    reports = place.sync()
    assert all(report.error is not None for report in reports.values())
    assert list(place.settings().landing.glob("*/*/*/window.json")) == []
    place.sandbox.faults.clear()
    place.sync()
    assert place.spend() == place.truth()


def test_check_names_each_account_with_its_currency_and_time_zone(place: Place) -> None:
    [connection] = place.settings().connections
    told = [line for line in vendors()[place.case.vendor].check(connection, {}) if line.name.startswith("account")]
    assert all(line.ok for line in told)
    for currency, zone, name in place.stand_in.accounts.values():
        assert any(name in line.detail and currency in line.detail and zone in line.detail for line in told)

"""LinkedIn's own ways: the silent cut, Rest.li's brackets, versions, bursts and the day's end, lead forms."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import requests

from ingestion.errors import CorruptResponse, RateLimited, SourceError
from ingestion.redaction import person_hash
from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from ingestion.settings import Secret
from ingestion.sources import linkedin
from tests.ingestion import staging
from tests.ingestion.ad_place import CASES, Place

SAMPLES = Path(__file__).parents[3] / "shared" / "contracts" / "linkedin-ads" / "samples" / "fivetran"
DOCUMENTED = {
    "dateRange": {"start": {"year": 2026, "month": 10, "day": 1}, "end": {"year": 2026, "month": 10, "day": 1}},
    "pivotValues": ["urn:li:sponsoredCampaign:222"], "impressions": 1000, "clicks": 12, "costInLocalCurrency": "3.45",
    "costInUsd": "3.70", "oneClickLeads": 1, "externalWebsiteConversions": 2,
}  # fmt: skip


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    [case] = [case for case in CASES if case.vendor == "linkedin"]
    for name, value in case.quick.items():
        monkeypatch.setattr(linkedin, name, value)
    now = (datetime.now(UTC) - timedelta(days=3)).isoformat()  # lead forms reach back 90 days only
    with Sandbox(World(seed=5, deals=5, now=now), rate=None, search_rate=None) as sandbox:
        yield Place(case, sandbox, tmp_path)


def api(place: Place) -> linkedin.Api:
    return linkedin.Api(place.settings().connections[0])


def test_as_many_elements_as_fit_are_not_believed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, last = api(place), place.stand_in.today
    monkeypatch.setattr(linkedin, "MOST", 4)
    place.stand_in.most = 4
    with asked.client:
        rows = list(asked.analytics("5070001", last - timedelta(days=19), last))
        assert len(rows) == len(list(place.stand_in.rows("5070001", last - timedelta(days=19), last))) > 12
        monkeypatch.setattr(linkedin, "MOST", 1)
        with pytest.raises(SourceError, match="more campaigns than LinkedIn answers with"):
            list(asked.analytics("5070001", last - timedelta(days=2), last))


def test_pages_that_go_in_a_circle_are_no_answer(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"elements": [{"id": 1}], "metadata": {"nextPageToken": "same"}}
    monkeypatch.setattr(place.stand_in, "_data", lambda asked: (200, told))
    asked = api(place)
    with asked.client, pytest.raises(CorruptResponse, match="circle"):
        asked.accounts("campaigns")


def test_brackets_go_out_as_they_are() -> None:
    path = linkedin.analytics_path("111", date(2026, 10, 1), date(2026, 10, 31))
    sent = requests.Request("GET", linkedin.BASE_URL + path).prepare().url
    assert sent is not None
    assert "dateRange=(start:(year:2026,month:10,day:1),end:(year:2026,month:10,day:31))" in sent
    assert "accounts=List(urn%3Ali%3AsponsoredAccount%3A111)" in sent
    assert len(linkedin.FIELDS.split(",")) <= 18


def test_a_version_that_ended_says_so(place: Place) -> None:
    place.stand_in.versions = {"202701"}
    report = place.sync()["campaigns"]
    assert "serves version 202608 no longer" in str(report.error)


def test_bursts_are_waited_out_and_the_days_end_is_told(place: Place) -> None:
    place.sandbox.faults.add("429", match="/adAccounts", times=3)
    asked = api(place)
    with asked.client:
        assert len(asked.accounts("campaigns")) == 2
        place.sandbox.faults.add("429", match="/adCampaigns")
        with pytest.raises(RateLimited, match="Come back after midnight UTC"):
            list(asked.campaigns())


def test_an_account_that_is_named_and_may_not_be_read_is_an_error(place: Place) -> None:
    report = place.sync(ACCOUNT_IDS="5070001, 42")["campaign_days"]
    assert report.error is not None
    assert report.error.scope == "r_ads_reporting"
    assert "no access to ad account 42" in str(report.error)


def test_submissions_of_lead_forms_are_touches_of_hashed_people(place: Place) -> None:
    assert place.sync()["touches"].error is None
    rows = place.query(f"select person_hash, source_campaign_id, channel from ({staging.sql('stg_linkedin__touches')})")
    assert len(rows) == len(list(place.stand_in.leads("5070001"))) > 15
    assert person_hash("lead3@example.com", Secret("key")) in {row[0] for row in rows}
    assert {row[1:] for row in rows} == {("149002", "paid_social")}
    [(raw,)] = place.query("select string_agg(record, '') from raw.linkedin__touches")
    assert "@" not in raw
    assert "Ann" not in raw


def test_the_documented_element_is_parsed() -> None:
    record = linkedin.day_record(DOCUMENTED, "linkedin")
    assert (record["id"], record["campaign_id"], record["costInLocalCurrency"]) == ("222:2026-10-01", "222", "3.45")


@pytest.mark.skipif(not SAMPLES.exists(), reason="the vendors' samples lie beside the project, not in it")
def test_figures_that_are_asked_for_are_known_to_others_who_read_them(place: Place) -> None:
    [line] = (SAMPLES / "linkedin_ad_analytics_by_campaign_data.jsonl").read_text().splitlines()[:1]
    known = {name.replace("_", "") for name in json.loads(line)}
    assert {name.lower() for name in linkedin.FIELDS.split(",")} - known == {"daterange", "pivotvalues"}

"""GA4: sessions as the property counts them at each sync, flags kept, pages, quotas, what cannot be asked together."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion.errors import AuthError, RateLimited
from ingestion.sandbox.ga4 import CREDENTIALS
from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from ingestion.sources import ga4
from tests.ingestion import staging
from tests.ingestion.ad_place import Case, Place

CONTRACT = Path(__file__).parents[3] / "shared" / "contracts" / "ga4" / "analyticsdata.v1beta.discovery.json"
DOCUMENTED: dict[str, Any] = {
    "dimensionHeaders": [{"name": "date"}, {"name": "sessionCampaignName"}],
    "metricHeaders": [{"name": "sessions", "type": "TYPE_INTEGER"}],
    "rows": [{"dimensionValues": [{"value": "20261001"}, {"value": "C"}], "metricValues": [{"value": "25"}]}],
    "rowCount": 1, "metadata": {"currencyCode": "EUR", "timeZone": "Europe/Berlin", "subjectToThresholding": True},
}  # fmt: skip


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    case = Case("ga4", CREDENTIALS, "REFRESH_TOKEN", "analytics.readonly", ga4)
    for name, value in {"SLICE_DAYS": 400, "CONCURRENT_SECONDS": 0.05}.items():
        monkeypatch.setattr(ga4, name, value)
    with Sandbox(World(seed=5, deals=5), rate=None, search_rate=None) as sandbox:
        yield Place(case, sandbox, tmp_path)


def api(place: Place) -> ga4.Api:
    return ga4.Api(place.settings().connections[0])


def counted(place: Place) -> dict[str, int]:
    """{month: sessions} of what staging makes of raw."""
    rows = place.query(
        f"""with staged as ({staging.sql("stg_ga4__session_days")}), newest as (select * from staged
            qualify row_number() over (partition by row_id order by window_seq desc) = 1)
            select strftime(date, '%Y-%m'), sum(sessions) from newest where not is_gone group by 1"""
    )
    return {month: int(sessions) for month, sessions in rows}


def truth(place: Place) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in place.stand_in.rows(place.stand_in.today - timedelta(days=900), place.stand_in.today):
        month = f"{row['date'][:4]}-{row['date'][4:6]}"
        found[month] = found.get(month, 0) + int(row["sessions"])
    return found


def test_sessions_are_the_propertys_after_each_sync(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ga4, "PAGE", 700)
    assert place.sync()["session_days"].error is None
    assert counted(place) == truth(place)
    assert len(truth(place)) == 14
    assert place.sync()["session_days"].window_id is None
    place.sandbox.world.advance(5)
    again = place.sync()["session_days"]
    assert again.rows < 90  # five new days of four origins, and what came in later
    assert counted(place) == truth(place)


def test_what_google_hides_is_kept_with_the_rows(place: Place) -> None:
    place.stand_in.thresholded = True
    place.sync()
    flags = place.query(f"select distinct is_thresholded, is_sampled from ({staging.sql('stg_ga4__session_days')})")
    assert flags == [(True, False)]
    [row] = list(ga4.rows(DOCUMENTED))
    assert row == {
        "date": "20261001", "sessionCampaignName": "C", "sessions": "25", "currency": "EUR",
        "flags": {"subjectToThresholding": True},
    }  # fmt: skip
    assert list(ga4.rows({"metadata": {}, "propertyQuota": {}})) == []


def test_cost_is_left_out_where_it_goes_with_no_campaign(place: Place) -> None:
    place.stand_in.barred = ("advertiserAdCost",)
    assert place.sync()["session_days"].error is None
    assert place.query(f"select distinct cost from ({staging.sql('stg_ga4__session_days')})") == [(None,)]


def test_the_quota_is_left_alone_before_it_is_used_up_and_what_was_whole_is_landed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ga4, "SLICE_DAYS", 100)
    place.stand_in.tokens = 55  # eleven pages
    report = place.sync()["session_days"]
    assert isinstance(report.error, RateLimited)
    assert "nearly used up (tokensPerDay)" in str(report.error)
    assert "midnight Pacific" in str(report.error)
    assert 0 < report.rows < 1_500
    place.stand_in.tokens = 100_000
    assert place.sync()["session_days"].error is None
    assert counted(place) == truth(place)


@pytest.mark.parametrize(("message", "back"), [("tokens per hour", "in an hour"), ("tokens per day", "midnight")])
def test_a_quota_that_is_used_up_says_when_to_come_back(place: Place, message: str, back: str) -> None:
    place.stand_in.concurrent = 2  # that is waited out
    asked = api(place)
    with asked.client:
        assert len(list(asked.named())) == 1
        assert asked.client.counts("session_days").retries == 2
        place.sandbox.faults.add("429", match="runReport", message=f"Exhausted property {message}.")
        with pytest.raises(RateLimited, match=f"Come back .*{back}"):
            list(asked.named())


def test_refused_credentials_and_a_missing_role_are_told_apart(place: Place) -> None:
    assert isinstance(place.sync(REFRESH_TOKEN="old-secret")["session_days"].error, AuthError)
    [line] = ga4.VENDOR.check(place.settings(PROPERTY_ID="1").connections[0], {})
    assert (line.ok, line.scope) == (False, "analytics.readonly")
    [line] = ga4.VENDOR.check(place.settings().connections[0], {})
    assert (line.ok, line.detail) == (True, "EUR, Europe/Berlin")


@pytest.mark.skipif(not CONTRACT.exists(), reason="the vendors' contracts lie beside the project, not in it")
def test_requests_and_answers_are_the_contracts(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    schemas = json.loads(CONTRACT.read_text())["schemas"]
    known = {name: set(schema.get("properties", {})) for name, schema in schemas.items()}
    met: list[tuple[str, Any, Any]] = []
    answer = place.stand_in._answer

    def noted(asked: Any) -> Any:
        told = answer(asked)
        met.append((asked.path.rpartition(":")[2], asked.body, told[1]))
        return told

    monkeypatch.setattr(place.stand_in, "_answer", noted)
    place.sync()
    names = {"runReport": "RunReport", "checkCompatibility": "CheckCompatibility"}
    checked = [(names[kind], body, told) for kind, body, told in met if kind in names]
    assert len(checked) >= 2
    for name, body, told in checked:
        assert set(body) <= known[f"{name}Request"]
        assert set(told) <= known[f"{name}Response"] | {"kind"}
        assert set(told.get("metadata", {})) <= known["ResponseMetaData"]
    assert set(ga4.FLAGS) <= known["ResponseMetaData"]

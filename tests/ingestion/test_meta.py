"""Meta's own ways: report runs that fail or never end, codes inside answers, usage headers, lead forms."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion import rewriting
from ingestion.errors import AuthError, RateLimited, SourceError
from ingestion.forgotten import FILE, Forgotten
from ingestion.landing import Landing
from ingestion.loading import load_new
from ingestion.redaction import person_hash
from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from ingestion.settings import Secret
from ingestion.sources import meta
from tests.ingestion import staging
from tests.ingestion.ad_place import CASES, Place

CONTRACT = Path(__file__).parents[3] / "shared" / "contracts" / "meta-ads"
DOCUMENTED = {
    "account_id": "111", "account_currency": "EUR", "campaign_id": "222", "campaign_name": "C",
    "date_start": "2026-10-01", "date_stop": "2026-10-01", "impressions": "1000", "clicks": "12", "spend": "3.45",
    "actions": [{"action_type": "lead", "value": "3", "7d_click": "2", "1d_view": "1"}],
}  # fmt: skip


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    [case] = [case for case in CASES if case.vendor == "meta"]
    for name, value in {**case.quick, "POLLS": 4}.items():
        monkeypatch.setattr(meta, name, value)
    now = (datetime.now(UTC) - timedelta(days=3)).isoformat()  # leads can be had for 90 days only
    with Sandbox(World(seed=5, deals=5, now=now), rate=None, search_rate=None) as sandbox:
        yield Place(case, sandbox, tmp_path)


def api(place: Place) -> meta.Api:
    return meta.Api(place.settings().connections[0])


@pytest.mark.parametrize("ends", ["Job Failed", "Job Skipped", "Job Running"])
def test_a_report_that_fails_or_never_ends_is_asked_for_in_halves(place: Place, ends: str) -> None:
    first = place.stand_in.today - timedelta(days=20)
    place.stand_in.trouble = [ends]
    asked = api(place)
    with asked.client:
        rows = list(asked.reported("111", first, first + timedelta(days=8)))
    spans = [(run[1] - first, run[2] - run[1]) for run in place.stand_in.runs.values()]
    assert [(begin.days, length.days) for begin, length in spans] == [(0, 8), (0, 4), (5, 3)]
    assert len(rows) == len(list(place.stand_in.rows("111", first, first + timedelta(days=8)))) > 3


def test_a_day_that_never_comes_is_an_error_that_keeps_what_is_known(place: Place) -> None:
    place.stand_in.trouble = ["Job Failed"] * 40
    report = place.sync()["campaign_days"]
    assert "did not come to an end (Job Failed)" in str(report.error)
    assert report.window_id is None


def test_throttles_are_waited_out_and_a_long_one_says_when_to_come_back(place: Place) -> None:
    place.sandbox.faults.add("429", match="/me/adaccounts", times=2)
    asked = api(place)
    with asked.client:
        assert len(asked.accounts("campaigns")) == 2
        assert asked.client.counts("campaigns").retries == 2
        place.sandbox.faults.add("429", match="/act_111/campaigns")
        with pytest.raises(RateLimited, match=r"used up \(code 17, subcode 2446079\)\. .*Come back in an hour"):
            list(asked.campaigns())


@pytest.mark.parametrize(
    ("code", "subcode", "error"), [(190, 463, AuthError), (100, 1487534, meta.TooMuch), (100, 33, SourceError)]
)
def test_an_error_inside_an_answer_counts_whatever_its_status(
    place: Place, monkeypatch: pytest.MonkeyPatch, code: int, subcode: int, error: type[Exception]
) -> None:
    told = {"error": {"message": "token EAAB-secret", "code": code, "error_subcode": subcode}}
    monkeypatch.setattr(place.stand_in, "answer", lambda asked: (200, told, {}))
    asked = api(place)
    with asked.client, pytest.raises(error) as raised:
        asked.accounts("campaigns")
    assert type(raised.value) is error
    assert "EAAB" not in str(raised.value)


def test_what_the_headers_say_is_used_sets_the_pace() -> None:
    dialect = meta.MetaDialect(meta.WORDS)

    def header(percent: int) -> dict[str, str]:
        return {"X-Business-Use-Case-Usage": json.dumps({"9": [{"call_count": percent, "total_time": 2}]})}

    assert dialect.announced(header(10)) == ("api", 10, 1.0)
    assert dialect.announced(header(80)) == ("api", 1, 1.0)
    assert dialect.announced(header(99)) == ("api", 1, 10.0)
    assert dialect.announced({}) is dialect.announced({"X-Ad-Account-Usage": "no json"}) is None
    waited = {"X-Business-Use-Case-Usage": json.dumps({"9": [{"estimated_time_to_regain_access": 7}]})}
    assert meta.regained_after(waited) == 420


def test_submissions_of_lead_forms_are_touches_of_hashed_people(place: Place) -> None:
    report = place.sync()["touches"]
    assert report.error is None
    rows = place.query(
        f"select touch_at, person_hash, source_campaign_id, channel from ({staging.sql('stg_meta__touches')})"
    )
    assert len(rows) == len(list(place.stand_in.leads())) > 10
    hashes = {row[1] for row in rows}
    assert person_hash("Lead3@example.com", Secret("key")) in hashes
    assert {row[2:] for row in rows} == {("2202", "paid_social")}
    landed = "".join(path.read_text(errors="ignore") for path in place.home.rglob("*.ndjson"))
    assert "@example.com" not in landed
    [(raw,)] = place.query("select string_agg(record, '') from raw.meta__touches")
    assert "@" not in raw
    assert "Person" not in raw
    place.sandbox.world.advance(2)
    assert place.sync()["touches"].rows == 1


def test_a_forgotten_person_leaves_the_forms_and_does_not_come_back(place: Place) -> None:
    place.sync()
    people = Forgotten(place.settings().pii_key)
    people.add([], [person_hash("lead3@example.com", Secret("key"))])
    [done] = rewriting.forget(Landing(place.settings().landing), people)
    assert (done.window.stream, done.removed) == ("touches", 1)
    (place.home / FILE).write_text(json.dumps({"people": people.people}))
    place.settings().warehouse.unlink()
    load_new(place.settings().warehouse, place.settings().landing)
    before = len(list(place.stand_in.leads()))
    for _ in range(2):
        place.sync()
        assert place.query("select count(*) from raw.meta__touches") == [(before - 1,)]


def test_without_the_permission_for_leads_figures_go_on_and_check_says_so(place: Place) -> None:
    place.sandbox.faults.add("403_scope", match="/leadgen_forms")
    reports = place.sync()
    assert reports["touches"].error is None
    assert reports["touches"].warnings
    assert reports["campaign_days"].rows > 100
    [line] = [line for line in meta.VENDOR.check(place.settings().connections[0], {}) if not line.ok]
    assert (line.name, line.scope) == ("touches", "ads_read")


def test_the_documented_row_is_parsed_with_one_action_type(place: Place) -> None:
    record = meta.day_record(DOCUMENTED, "meta", "lead")
    assert (record["id"], record["conversions"], record["attribution"]) == (
        "222:2026-10-01", "3", ["7d_click", "1d_view"],
    )  # fmt: skip
    assert meta.day_record(DOCUMENTED, "meta", "purchase")["conversions"] == "0"
    lead = {"id": "900", "created_time": "2026-01-05T09:00:00+0000", "campaign_id": "222",
            "field_data": [{"name": "email", "values": ["x@example.com"]},
                           {"name": "phone", "values": ["1"]}]}  # fmt: skip
    assert meta.lead_record(lead, {"name": "F"}) == {
        "id": "900", "created_time": "2026-01-05T09:00:00+0000", "campaign_id": "222",
        "at": "2026-01-05T09:00:00+00:00", "form_name": "F", "email": "x@example.com",
    }  # fmt: skip


@pytest.mark.skipif(not CONTRACT.exists(), reason="the vendors' contracts lie beside the project, not in it")
def test_fields_that_are_asked_for_and_answered_are_the_contracts(place: Place) -> None:
    def fields(name: str) -> set[str]:
        return {field["name"] for field in json.loads((CONTRACT / name).read_text())["fields"]}

    assert set(meta.FIELDS.split(",")) <= fields("AdsInsights.json")
    [row] = list(place.stand_in._insights("111", date(2026, 1, 1), place.stand_in.today))[:1]
    assert set(row) <= fields("AdsInsights.json")
    assert {action for entry in row["actions"] for action in entry} <= fields("AdsActionStats.json")
    lead: dict[str, Any] = next(place.stand_in.leads())
    assert set(lead) <= fields("Lead.json")
    assert {"async_status", "async_percent_completion"} <= fields("AdReportRun.json")
    assert {"effective_status", "objective", "name", "status"} <= fields("Campaign.json")

"""Mailchimp: counters of e-mails as the stand-in has them at each sync, pages, throttles, credentials."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestion.errors import AuthError, MissingScope, RateLimited
from ingestion.sandbox.mailchimp import CREDENTIALS
from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from ingestion.sources import mailchimp
from tests.ingestion import staging
from tests.ingestion.ad_place import Case, Place

CONTRACT = Path(__file__).parents[3] / "shared" / "contracts" / "mailchimp" / "contract.json"
DOCUMENTED = {
    "id": "3f69f3a595", "campaign_title": "C", "type": "regular", "emails_sent": 100, "unsubscribed": 1,
    "send_time": "2026-07-13T13:15:57+00:00", "opens": {"opens_total": 40, "unique_opens": 30},
    "_links": [{"rel": "x"}],
}  # fmt: skip
COUNTERS = "emails_sent, opens, unique_opens, clicks, unique_clicks, unsubscribed, bounces"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr(mailchimp, "THROTTLED_SECONDS", 0.05)
    monkeypatch.setattr(mailchimp, "PAGE", 10)
    with Sandbox(World(seed=5, deals=5), rate=None, search_rate=None) as sandbox:
        yield Place(Case("mailchimp", CREDENTIALS, "API_KEY", "reports", mailchimp), sandbox, tmp_path)


def staged(place: Place) -> set[tuple[Any, ...]]:
    return set(
        place.query(
            f"""select source_campaign_id, {COUNTERS} from ({staging.sql("stg_mailchimp__email_campaigns")})
                qualify row_number() over (partition by source_campaign_id order by window_seq desc) = 1"""
        )
    )


def truth(place: Place) -> set[tuple[Any, ...]]:
    return {
        (r["id"], r["emails_sent"], r["opens"]["opens_total"], r["opens"]["unique_opens"], r["clicks"]["clicks_total"],
         r["clicks"]["unique_subscriber_clicks"], r["unsubscribed"],
         r["bounces"]["hard_bounces"] + r["bounces"]["soft_bounces"])
        for r in place.stand_in.reports()
    }  # fmt: skip


def test_counters_are_the_vendors_after_each_sync(place: Place) -> None:
    assert place.sync()["email_campaigns"].error is None
    assert staged(place) == truth(place)
    assert len(truth(place)) == 41
    assert place.sync()["email_campaigns"].window_id is None
    place.sandbox.world.advance(15)
    again = place.sync()["email_campaigns"]
    assert 1 < again.rows < 10  # one more e-mail, and those that people still open
    assert staged(place) == truth(place)


def test_the_key_says_where_and_is_told_to_nobody_else(place: Place) -> None:
    connection = place.settings(API_KEY="abc-us7").connections[0]
    usual = mailchimp.Api(type(connection)("mailchimp", "mailchimp", mailchimp.BASE_URL, connection.credentials))
    assert usual.client.base_url == "https://us7.api.mailchimp.com/3.0"
    report = place.sync(API_KEY="abc-us7")["email_campaigns"]
    assert isinstance(report.error, AuthError)
    assert "abc" not in str(report.error)


def test_throttles_are_waited_out_and_a_bare_403_is_one(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.sandbox.faults.add("429", match="/reports", times=2)
    assert place.sync()["email_campaigns"].retries == 2
    place.sandbox.faults.add("403_scope", match="/reports", times=1)
    assert isinstance(place.sync()["email_campaigns"].error, MissingScope)
    monkeypatch.setattr(place.stand_in, "answer", lambda asked: (403, b"<html>", {}))
    assert isinstance(place.sync()["email_campaigns"].error, RateLimited)


def test_check_names_the_account_and_the_documented_report_is_parsed(place: Place) -> None:
    [line] = mailchimp.VENDOR.check(place.settings().connections[0], {})
    assert (line.ok, line.detail) == (True, "Acme, Europe/Berlin")
    record = mailchimp.report_record(DOCUMENTED)
    assert record["at"] == "2026-07-13T13:15:57+00:00"
    assert "_links" not in record
    assert record["opens"] == {"opens_total": 40, "unique_opens": 30}


@pytest.mark.skipif(not CONTRACT.exists(), reason="the vendors' contracts lie beside the project, not in it")
def test_parameters_are_the_contracts() -> None:
    operations = json.loads(CONTRACT.read_text())["operations"]
    [told] = [o for o in operations.values() if o["path"] == "/reports"]
    assert {"count", "offset", "since_send_time"} <= set(told["query"])
    assert told["method"] == "GET"

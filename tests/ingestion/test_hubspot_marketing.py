"""HubSpot's marketing side: e-mails that includeStats leaves out, forms newest first, scopes one by one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.errors import AuthError
from ingestion.redaction import person_hash
from ingestion.sandbox.hubspot_marketing import CREDENTIALS, LEFT_OUT
from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from ingestion.settings import Secret
from ingestion.sources import hubspot_marketing
from tests.ingestion import staging
from tests.ingestion.ad_place import Case, Place

CONTRACT = Path(__file__).parents[3] / "shared" / "contracts" / "hubspot" / "contract.json"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with Sandbox(World(seed=5, deals=30), rate=None, search_rate=None) as sandbox:
        yield Place(
            Case("hubspot_marketing", CREDENTIALS, "ACCESS_TOKEN", "content", hubspot_marketing), sandbox, tmp_path
        )


def emails(place: Place) -> dict[str, tuple[int, ...]]:
    rows = place.query(
        f"""select source_campaign_id, emails_sent, opens, clicks, unsubscribed, bounces
            from ({staging.sql("stg_hubspot_marketing__email_campaigns")})
            qualify row_number() over (partition by source_campaign_id order by window_seq desc) = 1"""
    )
    return {row[0]: row[1:] for row in rows}


def truth(place: Place) -> dict[str, tuple[int, ...]]:
    names = ("sent", "open", "click", "unsubscribed", "bounce")
    sent = [email for email in place.stand_in.emails() if "publishDate" in email]
    return {
        e["id"]: tuple(e["stats"]["counters"][n] if number != LEFT_OUT else 0 for n in names)
        for number, e in enumerate(sent)
    }


def test_emails_and_their_counters_are_the_portals_after_each_sync(place: Place) -> None:
    assert place.sync()["email_campaigns"].error is None
    assert emails(place) == truth(place)
    assert len(truth(place)) == 18
    assert place.sync()["email_campaigns"].window_id is None
    place.sandbox.world.advance(21)
    assert 1 < place.sync()["email_campaigns"].rows < 6
    assert emails(place) == truth(place)
    [(raw,)] = place.query("select string_agg(record, '') from raw.hubspot_marketing__email_campaigns")
    assert "Colleague" not in raw


def test_submissions_are_touches_of_hashed_people_with_the_channel_of_the_page(place: Place) -> None:
    assert place.sync()["touches"].error is None
    rows = place.query(
        f"""select person_hash, channel, campaign_name, touch_at
            from ({staging.sql("stg_hubspot_marketing__touches")})"""
    )
    told = list(place.stand_in.submissions())
    assert len(rows) == len(told) > 5
    assert {row[0] for row in rows} == {person_hash(t["values"][0]["value"], Secret("key")) for t in told}
    assert {row[1:3] for row in rows} == {("paid_social", "retargeting")}
    [(raw,)] = place.query("select string_agg(record, '') from raw.hubspot_marketing__touches")
    assert "@" not in raw
    assert "call me" not in raw
    assert "acme.example.com" not in raw
    before = place.sandbox.requests.copy()
    assert place.sync()["touches"].window_id is None
    assert sum((place.sandbox.requests - before).values()) < 8


@pytest.mark.parametrize(
    ("scope", "stream", "other"), [("forms", "touches", "email_campaigns"), ("content", "email_campaigns", "touches")]
)
def test_a_missing_scope_costs_its_stream_alone_and_check_names_it(
    place: Place, scope: str, stream: str, other: str
) -> None:
    place.stand_in.without = {scope}
    reports = place.sync()
    assert reports[stream].warnings
    assert reports[stream].rows == 0
    assert reports[other].rows > 5
    lines = hubspot_marketing.VENDOR.check(place.settings().connections[0], {})
    assert {line.name: line.ok for line in lines if not line.name.startswith("account")} == {stream: False, other: True}


def test_a_wrong_token_is_told_without_it(place: Place) -> None:
    for report in place.sync(ACCESS_TOKEN="pat-other").values():
        assert isinstance(report.error, AuthError)
        assert "pat-other" not in str(report.error)


@pytest.mark.skipif(not CONTRACT.exists(), reason="the vendors' contracts lie beside the project, not in it")
def test_requests_and_answers_are_the_contracts(place: Place) -> None:
    specs = json.loads(CONTRACT.read_text())["specs"]
    emails = specs["marketing-emails.v3"]
    asked = {p["name"] for p in emails["operations"]["GET /marketing/v3/emails"]["params"]}
    assert {"limit", "after", "includeStats"} <= asked
    assert set(next(place.stand_in.emails())) <= set(emails["schemas"]["PublicEmail"]["properties"])
    asked = {p["name"] for p in specs["forms.v3"]["operations"]["GET /marketing/v3/forms"]["params"]}
    assert {"limit", "after", "formTypes"} <= asked

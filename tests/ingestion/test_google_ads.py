"""Google Ads against its stand-in over real HTTP: spend as the stand-in reckons it, restatements, faults."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ingestion import restated
from ingestion.errors import AuthError, CorruptResponse, MissingScope
from ingestion.extract import extract
from ingestion.loading import load_new, read_state
from ingestion.sandbox.advertising import Figures
from ingestion.sandbox.google_ads import CREDENTIALS, _metrics
from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from ingestion.settings import Settings, load_settings
from ingestion.sources import google_ads
from ingestion.stream import StreamReport

CONTRACT = Path(__file__).parents[3] / "shared" / "contracts" / "google-ads" / "fields.v26.json"


@pytest.fixture
def ads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Sandbox, Settings]]:

    monkeypatch.setattr(google_ads, "SLICE_DAYS", 400)  # fewer requests: ten a second are sent
    with Sandbox(World(seed=5, deals=30), rate=None, search_rate=None) as sandbox:
        env = {f"GOOGLE_ADS_{name}": value for name, value in CREDENTIALS.items()}
        yield sandbox, load_settings(env | {"GOOGLE_ADS_API_BASE": f"{sandbox.url}/google_ads"}, tmp_path)


def sync(settings: Settings) -> dict[str, StreamReport]:
    reports = extract(settings, {"google_ads": read_state(settings.warehouse, "google_ads", "google_ads")})
    load_new(settings.warehouse, settings.landing)
    return {report.stream: report for report in reports}


def test_a_token_that_ended_is_renewed_once(ads: tuple[Sandbox, Settings]) -> None:
    sandbox, settings = ads
    connection = settings.connections[0]
    api = google_ads.Api(connection)
    with api.client:
        assert len(api.accounts("campaigns")) == 2
        sandbox.stand_ins["google_ads"].tokens += 1  # the hour is over
        assert len(list(api.campaigns())) == 6
    assert sandbox.stand_ins["google_ads"].tokens == 3


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"REFRESH_TOKEN": "old"}, AuthError),
        ({"DEVELOPER_TOKEN": "x"}, AuthError),
        ({"CUSTOMER_ID": "12"}, MissingScope),
    ],
)
def test_refusals_say_what_to_do_and_land_nothing(
    ads: tuple[Sandbox, Settings], tmp_path: Path, changed: dict[str, str], error: type[Exception]
) -> None:
    sandbox, _ = ads
    env = {f"GOOGLE_ADS_{name}": value for name, value in (CREDENTIALS | changed).items()}
    settings = load_settings(env | {"GOOGLE_ADS_API_BASE": f"{sandbox.url}/google_ads"}, tmp_path)
    reports = sync(settings)
    assert all(isinstance(report.error, error) for report in reports.values())
    assert "GOOGLE_ADS_" in str(reports["campaign_days"].error)
    assert not any(
        value in str(report.error) for report in reports.values() for value in changed.values() if len(value) > 2
    )
    assert list(settings.landing.glob("*/*/*/window.json")) == []


@pytest.mark.skipif(not CONTRACT.exists(), reason="the vendors' contracts lie beside the project, not in it")
def test_figures_that_are_asked_for_are_the_contracts() -> None:
    contract = json.loads(CONTRACT.read_text())
    assert contract["api_version"] in google_ads.BASE_URL
    asked = set(re.findall(r"metrics\.(\w+)", google_ads.FIGURES))
    assert len(asked) == 5
    assert asked <= set(contract["metrics"])
    told = _metrics(Figures(1, 2, 3, 4.5))
    for name in asked - {"conversions_value"}:  # the stand-in has none
        value = told[re.sub(r"_(\w)", lambda match: match[1].upper(), name)]
        assert isinstance(value, str) == (contract["metrics"][name] == "INT64"), name


def test_an_error_in_mid_stream_is_no_answer() -> None:
    assert (
        google_ads._whole([{"results": [{}]}, {"error": {"status": "INTERNAL"}}]) == "an error in mid-stream (INTERNAL)"
    )
    assert google_ads._whole([{"results": []}]) is None


def test_a_row_that_says_no_day_names_itself() -> None:
    row: dict[str, Any] = {"customer": {"id": "1"}, "campaign": {"id": "2"}, "segments": {"date": "yesterday"}}
    with pytest.raises(CorruptResponse, match=r"record .*'2'.*without account, campaign or date"):
        google_ads.day_record(row, "google_ads")


def test_spans_and_slices_meet_end_to_end() -> None:
    part = restated.Daily(lambda first, last: iter(()), 30, 30)
    first, last = restated.span(date(2026, 6, 10), part, False, date(2026, 6, 11))
    assert (first, last) == (date(2026, 5, 11), date(2026, 6, 12))
    assert list(restated.slices(first, last, 30)) == [
        (date(2026, 5, 11), date(2026, 6, 9)), (date(2026, 6, 10), date(2026, 6, 12)),
    ]  # fmt: skip
    assert restated.span(date(2026, 6, 10), part, True, date(2026, 6, 11))[0] == date(2023, 5, 14)

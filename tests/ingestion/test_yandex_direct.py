"""Yandex Direct's own ways: reports that are queued, fail or are cut short, VAT, errors inside a 200."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from ingestion.errors import AuthError, MissingScope, RateLimited
from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from ingestion.sources import yandex_direct
from tests.ingestion.ad_place import CASES, Place

CONTRACT = Path(__file__).parents[3] / "shared" / "contracts" / "yandex-direct" / "contract.json"
DOCUMENTED = "Date\tCampaignId\tCampaignName\tImpressions\tClicks\tCost\tConversions\n"
DOCUMENTED += "2026-10-01\t222\tC\t1000\t12\t345.60\t--\nTotal rows: 1\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    [case] = [case for case in CASES if case.vendor == "yandex_direct"]
    for name, value in case.quick.items():
        monkeypatch.setattr(yandex_direct, name, value)
    with Sandbox(World(seed=5, deals=5), rate=None, search_rate=None) as sandbox:
        yield Place(case, sandbox, tmp_path)


def api(place: Place, **changed: str) -> yandex_direct.Api:
    return yandex_direct.Api(place.settings(**changed).connections[0])


def test_the_same_request_is_repeated_until_the_report_is_there(place: Place) -> None:
    asked, last = api(place), place.stand_in.today
    with asked.client:
        rows = list(asked.days(last - timedelta(days=9), last))
    assert list(place.stand_in.asked.values()) == [3]
    assert len(rows) == len(list(place.stand_in.rows("acme-direct", last - timedelta(days=9), last))) > 10
    assert {row["currency"] for row in rows} == {"RUB"}


def test_a_report_beyond_the_time_limit_is_asked_for_in_halves_and_a_day_of_it_is_an_error(place: Place) -> None:
    asked, last = api(place), place.stand_in.today
    place.stand_in.trouble = [502, 9000]  # too long; then the queue is full for a moment
    with asked.client:
        rows = list(asked.days(last - timedelta(days=9), last))
        spans = [json.loads(key)["SelectionCriteria"] for key in place.stand_in.asked]
        assert [span["DateFrom"] for span in spans] == [str(last - timedelta(days=9)), str(last - timedelta(days=4))]
        assert len(rows) == len(list(place.stand_in.rows("acme-direct", last - timedelta(days=9), last)))
        place.stand_in.trouble = [502]
        with pytest.raises(yandex_direct.TooMuch, match="HTTP 502"):
            list(asked.days(last, last))


def test_vat_is_as_the_connection_says_and_is_landed_with_the_figures(place: Place) -> None:
    last, costs = place.stand_in.today, []
    for vat in ("YES", "NO"):
        asked = api(place, INCLUDE_VAT=vat)
        with asked.client:
            rows = list(asked.days(last - timedelta(days=3), last))
        assert {row["includes_vat"] for row in rows} == {vat}
        costs.append(sum(float(row["Cost"]) for row in rows))
    assert costs[0] / costs[1] == pytest.approx(1.2, abs=1e-3)


@pytest.mark.parametrize(("code", "error"), [(53, AuthError), (54, MissingScope), (152, RateLimited)])
def test_an_error_inside_a_200_is_what_its_code_says(
    place: Place, monkeypatch: pytest.MonkeyPatch, code: int, error: type[Exception]
) -> None:
    told = {"error": {"error_code": str(code), "error_detail": "token y0_secret", "request_id": "1"}}
    monkeypatch.setattr(place.stand_in, "answer", lambda asked: (200, told, {}))
    asked = api(place)
    with asked.client, pytest.raises(error, match=f"code {code}") as raised:
        list(asked.campaigns())
    assert "y0_secret" not in str(raised.value)


def test_the_documented_table_is_read_and_half_of_one_is_not() -> None:
    [row] = yandex_direct.table(DOCUMENTED)
    assert (row["CampaignId"], row["Cost"], row["Conversions"]) == ("222", "345.60", None)
    assert yandex_direct.table("Date\tCost\nTotal rows: 0\n") == []
    for broken in ("", DOCUMENTED[:-14], DOCUMENTED.replace("rows: 1", "rows: 2"), DOCUMENTED.replace("\tC\t", "\t")):
        with pytest.raises(ValueError, match="table"):
            yandex_direct.table(broken)


@pytest.mark.skipif(not CONTRACT.exists(), reason="the vendors' contracts lie beside the project, not in it")
def test_the_stand_in_answers_with_the_contracts_statuses(place: Place) -> None:
    contract = json.loads(CONTRACT.read_text())
    place.sync()
    met = {str(status) for status in place.sandbox.statuses}
    assert {"200", "201", "202"} <= met <= set(contract["response_codes"])
    assert set(contract["error_body"]["error"]) == set(place.stand_in.refusal({"kind": "401"})[1]["error"])

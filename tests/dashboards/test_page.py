"""The page in a real browser, in short: one small publication, its figures on screen, filters, languages, bad input."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboards.build import write
from tests.dashboards.browser import HAS_BROWSER, MISSING, Page, opened
from tests.dashboards.publication import publish
from tests.dashboards.test_data import DEAL, OPEN, PIPELINE

pytestmark = pytest.mark.skipif(not HAS_BROWSER, reason=MISSING)
LONG = "Очень длинное название 非常に長い名前 Πολύ μακρύ όνομα very long name " * 5
SALES = {
    "month": "2026-06-01", "pipeline_key": "hs:p", "new_deals": 1, "won_count": 2, "lost_count": 3, "won_amount": 5000,
    "lost_amount": 90, "won_amount_positive": 5000, "won_count_positive": 2, "open_amount": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with opened() as found:
        yield found


def test_one_deal_is_shown_filtered_and_told_in_both_languages(page: Page, tmp_path: Path) -> None:
    given = {
        "dim_deals": [{**DEAL, "deal_name": LONG}],
        "mart_open_deals": [{**OPEN, "deal_name": LONG, "source_url": "https://crm.example/1"}],
        "dim_pipelines": [PIPELINE, {**PIPELINE, "pipeline_key": "hs:q", "pipeline_name": "Other"}],
        "dim_stages": [{"stage_key": "hs:p:a", "pipeline_key": "hs:p", "stage_name": LONG, "is_open": True}],
        "dim_owners": [{"owner_key": "hs:7", "owner_name": LONG, "team_key": "hs:t"}],
        "dim_teams": [{"team_key": "hs:t", "team_name": "North"}],
        "mart_sales_monthly": [SALES],
    }
    file = write(publish(tmp_path, given))
    page.at(file, "lang=en")
    tiles = page.text("#tiles")
    assert "€80.5\n1 deals" in tiles
    assert "€5K\n2 deals" in tiles
    assert "40%\n12% to 77%; 5 closed" in tiles
    assert page.text("#banners").startswith("Nothing has been published since")
    page.run(
        """const field = document.querySelector('[name=pipeline]'); field.value = 'hs:q';
           field.dispatchEvent(new Event('change', {bubbles: true}))"""
    )
    page.until("return location.hash.includes('pipeline=hs') && document.querySelector('#card-now_stages.empty')")
    assert page.text("#card-now_stages .nothing") == "Nothing for these filters. Clear them to see all."
    page.at(file, "lang=ru&page=deals", 390)
    assert page.text("h2:not([hidden] *)") == "Сделки, которым нужно внимание"
    assert page.run("return document.querySelector('#card-deals td a').href") == "https://crm.example/1"
    assert page.run("return document.documentElement.scrollWidth") <= 390
    assert page.run("return funnel.csv('deals').split('\\r\\n')[0]").endswith("pipeline,url")
    assert page.complaints() == []
    assert page.requests() == set()


def test_nothing_at_all_is_said_on_every_page(page: Page, tmp_path: Path) -> None:
    file = write(publish(tmp_path))
    for name in ("now", "funnel", "stages", "waterfall", "forecast", "marketing", "deals", "leads", "about"):
        page.at(file, f"page={name}&lang=en")
        assert "No deal has come from any source yet" in page.text("#banners")
        cards = page.run("return [...document.querySelectorAll('section:not([hidden]) .card')].map(c => c.innerText)")
        assert cards
        assert all(page.run("return [...document.querySelectorAll('section:not([hidden]) .card.empty .nothing')]"
                            ".map(e => e.innerText)"))  # fmt: skip
    assert page.complaints() == []

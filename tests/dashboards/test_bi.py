"""The page on the demo's publication, in full (`make test-bi`): every page, two widths, figures, axe."""

from __future__ import annotations

import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dashboards.build import write
from dashboards.cards import CARDS, PAGES
from tests.dashboards.browser import HAS_BROWSER, MISSING, Page, opened

pytestmark = [
    pytest.mark.skipif(not os.environ.get("FUNNEL_BI"), reason="long: make test-bi"),
    pytest.mark.skipif(not HAS_BROWSER, reason=MISSING),
]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the demo's publication; FUNNEL_BI names one that is there already."""
    folder = tmp_path_factory.mktemp("bi")
    given = Path(os.environ["FUNNEL_BI"])
    if not (given / "manifest.json").exists():
        home = {**os.environ, "FUNNEL_HOME": str(folder)}
        subprocess.run([sys.executable, "-m", "orchestration.cli", "demo"], env=home, check=True, capture_output=True)
        given = folder / "demo" / "published" / "current"
    copy = folder / "served" / "current"
    shutil.copytree(given, copy, ignore=shutil.ignore_patterns("parquet", "finance*"))
    manifest = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
    (copy / "manifest.json").write_text(json.dumps({**manifest, "files": {}}), encoding="utf-8")
    write(copy)
    return copy


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with opened() as found:
        yield found


@pytest.fixture(scope="module")
def marts(published: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(published / "funnel.duckdb"), read_only=True) as connection:
        yield connection


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_page_is_drawn_fits_and_is_accessible(
    page: Page, published: Path, name: str, width: int, language: str
) -> None:
    theme = "dark" if language == "ru" else "light"
    page.at(published / "index.html", f"page={name}&lang={language}&theme={theme}", width)
    for card in (c for c in CARDS if c.page == name):
        box = f"#card-{card.id}"
        empty = page.run("return document.querySelector(arguments[0]).classList.contains('empty')", box)
        assert empty or page.run("return document.querySelectorAll(arguments[0] + ' tbody tr').length", box)
        assert empty or not card.chart or page.run("return !!document.querySelector(arguments[0] + ' svg path')", box)
    assert page.run("return document.documentElement.scrollWidth") <= width
    assert not page.run("return document.body.innerText.match(/undefined|NaN|\\[object|t:[a-z]/)")
    assert page.complaints() == []
    assert page.requests() == set()
    page.run((Path(str(find_spec("axe_core_python").origin)).parent / "axe.min.js").read_text(encoding="utf-8"))  # type: ignore[union-attr]
    found = page.driver.execute_async_script(
        "axe.run(document, {runOnly: arguments[0]}).then(arguments[arguments.length - 1])", RULES
    )
    grave = [v for v in found["violations"] if v["impact"] in ("serious", "critical")]
    assert [(v["id"], v["nodes"][0]["html"][:200], len(v["nodes"])) for v in grave] == []


SUMS = "const rows = funnel.cards[arguments[0]].rows(), sum = f => rows.reduce((s, r) => s + (r[f] ?? 0), 0);"


def figure(page: Page, card: str, script: str) -> Any:
    return page.run(f"{SUMS} {script}", card)


def one(marts: duckdb.DuckDBPyConnection, sql: str) -> Any:
    return marts.execute(sql).fetchall()[0]


def test_figures_equal_the_marts(page: Page, published: Path, marts: duckdb.DuckDBPyConnection) -> None:
    page.at(published / "index.html", "lang=en")
    month = page.run("return funnel.table('clock')[0].month") + "-01"
    kpi = f"""select open_opportunities, open_amount, won_amount, won_count
              from marts.mart_sales_kpis_monthly where is_rollup and month = '{month}'"""
    deals, amount, won, count = one(marts, kpi)
    assert figure(page, "now_stages", "return [sum('deals'), Math.round(sum('amount') * 100)]") == [deals, amount * 100]
    trend = figure(page, "now_trend", "const r = rows.at(-1); return [Math.round(r.won_amount * 100), r.won]")
    assert trend == [won * 100, count]
    [closing] = one(marts, f"""select sum(amount_reporting) from marts.fct_pipeline_movements
                               where basis = 'all_open' and movement = 'closing' and month = '{month}'""")  # fmt: skip
    bridge = figure(page, "bridge", "return rows.map(r => [r.movement, Math.round(r.amount * 100)])")
    assert bridge[-1] == ["closing", closing * 100]
    assert abs(sum(cents for _, cents in bridge[:-1]) - bridge[-1][1]) <= len(bridge)
    expected = marts.execute(
        """select strftime(target_month, '%Y-%m'), expected_revenue::double, p10::double, p90::double
           from marts.forecast_current where segment_type = 'all' and component = 'total' order by 1"""
    ).fetchall()
    shown = figure(
        page, "fan", "return rows.filter(r => r.expected != null).map(r => [r.month, r.expected, r.p10, r.p90])"
    )
    assert [tuple(row) for row in shown] == expected
    [first] = marts.execute(
        "select deal_name, source_url from marts.mart_open_deals where priority_rank = 1"
    ).fetchall()
    page.at(published / "index.html", "page=deals&lang=en")
    link = "const a = document.querySelector('#card-deals tbody a'); return [a.innerText, a.href]"
    assert tuple(page.run(link)) == first
    leads = figure(page, "lead_steps", "return [sum('leads'), sum('customers')]")
    wanted = f"""select sum(leads), sum(customers) from marts.mart_lead_funnel_monthly
                 where cohort_month > date '{month}' - interval 12 month"""
    assert tuple(leads) == one(marts, wanted)


def test_filters_stand_in_the_address_and_hold(page: Page, published: Path, marts: duckdb.DuckDBPyConnection) -> None:
    [(owner, deals)] = marts.execute(
        """select owner_key, count(*) from marts.mart_open_deals
           where owner_key is not null group by 1 order by 2 desc limit 1"""
    ).fetchall()
    page.at(published / "index.html", f"page=now&lang=en&owner={owner}")
    assert figure(page, "now_stages", "return sum('deals')") == deals
    page.at(published / "index.html", f"page=forecast&lang=en&owner={owner}")
    assert page.text("#card-fan .ignored") == "There is no forecast by owner here. Shown: the whole company."
    [(team, name)] = marts.execute("select team_key, team_name from marts.dim_teams order by 1 limit 1").fetchall()
    page.at(published / "index.html", f"page=forecast&lang=en&team={team}&pipeline=hubspot:default")
    assert page.text("#card-fan .ignored") == f"There is no forecast by pipeline here. Shown: Team {name}."
    assert page.run("return document.querySelector('[name=team]').value") == team
    page.at(published / "index.html", "page=now&owner=nobody:1&lang=en")
    assert page.run("return funnel.state.owner") == ""


def test_the_first_chart_is_there_within_two_seconds_and_the_page_is_small(page: Page, published: Path) -> None:
    page.at(published / "index.html", "lang=en")
    assert float(page.run("return document.body.dataset.ready")) < 2000
    data = len(page.run("return document.getElementById('data').textContent").encode())
    assert (published / "index.html").stat().st_size - data < 1_500_000


def test_over_http_a_new_publication_is_noticed_and_a_refusal_is_told(page: Page, published: Path) -> None:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None: ...

    handler = functools.partial(Quiet, directory=str(published.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        status = {"code": 3, "finished": "2026-06-15T11:00:00+00:00", "refused": ["win_rate_in_0_1"]}
        (published.parent / "status.json").write_text(json.dumps(status), encoding="utf-8")
        page.at(f"http://127.0.0.1:{server.server_port}/current/index.html", "page=stages&lang=en")
        page.until("return document.getElementById('banners').innerText.includes('The audit refused')")
        assert "win_rate_in_0_1" in page.text("#banners")
        manifest = json.loads((published / "manifest.json").read_text(encoding="utf-8"))
        (published / "manifest.json").write_text(json.dumps({**manifest, "id": "later"}), encoding="utf-8")
        write(published)
        shown = "return JSON.parse(document.getElementById('data').textContent).publication.id === 'later'"
        page.until(shown, seconds=30)
        page.until("return document.body.dataset.shown === 'stages'")
        server.shutdown()

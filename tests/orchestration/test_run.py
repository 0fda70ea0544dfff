"""The real thing in one process: stand-in over HTTP, dbt, Great Expectations, Dagster's history, publication.

The tests share one home and build on one another, in order: a run costs seconds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest

from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from ingestion.settings import PROJECT_ROOT
from orchestration import checkup, cli, warehouse
from orchestration.home import Home
from orchestration.lock import RunLock
from orchestration.why_metrics import figures
from orchestration.workbook import HEADER, label
from tests.definitions import let_go
from tests.orchestration.receiver import Receiver

GRAPH = Path(__file__).with_name("graph.txt")
Funnel = Callable[..., tuple[int, dict[str, Any]]]


@dataclass(frozen=True)
class Place(Home):
    """The home, with the webhook that hears of it."""

    receiver: Receiver

    @property
    def told(self) -> list[tuple[str, str, str]]:
        return self.receiver.told()

    @property
    def beats(self) -> int:
        return len(self.receiver.gets)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A home whose definitions are loaded once; the environment is put back afterwards."""
    before, root = dict(os.environ), tmp_path_factory.mktemp("run") / "home"
    with Sandbox(World(seed=11, deals=150), rate=None, search_rate=None) as sandbox, Receiver() as receiver:
        os.environ |= {
            "FUNNEL_ALERT_WEBHOOK": receiver.url,
            "FUNNEL_HEARTBEAT_URL": receiver.url,
            "FUNNEL_HOME": str(root),
            "HUBSPOT_ACCESS_TOKEN": "sandbox-token",
            "HUBSPOT_API_BASE": sandbox.url,
            "ECB_API_BASE": f"{sandbox.url}/ecb/service",
        }
        root.mkdir()
        (root / "funnel.yml").write_text("exchange_rates: [ecb]\n")
        let_go()
        yield Place(root, receiver)
    let_go()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def funnel(home: Place, capsys: pytest.CaptureFixture[str]) -> Funnel:
    """(exit code, JSON answer) of a command."""

    def call(*arguments: str) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        code = cli.main([*arguments, "--json"])
        (line,) = capsys.readouterr().out.strip().splitlines()  # one JSON object and nothing else
        return code, json.loads(line)

    return call


def as_of() -> str:
    return "2026-08-31T20:00:00Z"


def test_one_of_two_connections_failing_publishes_the_other_and_is_4(
    funnel: Funnel, home: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUBSPOT__EMEA_ACCESS_TOKEN", "pat-eu1-expired")
    code, outcome = funnel("run", "--as-of", as_of())
    assert (code, outcome["outcome"]) == (4, "published"), outcome["message"]
    assert "Not refreshed: emea" in outcome["message"]
    assert list(outcome["failed_sources"]) == ["emea"]
    assert outcome["publication"] == (home.published / "current").readlink().name
    deals = next(s for s in outcome["streams"] if (s["source"], s["stream"]) == ("hubspot", "deals"))
    assert (deals["kind"], deals["error"]) == ("full", None)
    assert deals["rows"] >= 140
    [rates] = [s for s in outcome["streams"] if s["source"] == "ecb"]
    assert (rates["stream"], rates["kind"], rates["error"]) == ("daily_rates", "full", None)
    assert rates["rows"] > 4_000
    assert (home.data_docs / "index.html").exists()
    assert home.warehouse.stat().st_mode & 0o777 == 0o600
    assert (home.told, home.beats) == ([("raised", "source_failed", "emea")], 1)
    manifest = json.loads((home.published / "current" / "manifest.json").read_text())
    for source in ("hubspot", "ecb"):
        assert (manifest["sources"][source]["age_hours"], manifest["sources"][source]["stale"]) == (0.0, False)
    assert manifest["sources"]["ecb"]["last_window_end"] == "2026-08-31T00:00:00+00:00"
    assert manifest["tables"]["meta.unconverted_amounts"]["rows"] == 0


def test_publishing_what_is_published_changes_nothing_and_is_0(funnel: Funnel, home: Place) -> None:
    before = sorted(path.name for path in (home.published / "releases").iterdir())
    code, outcome = funnel("publish")
    assert (code, outcome["outcome"]) == (0, "unchanged"), outcome["message"]
    assert sorted(path.name for path in (home.published / "releases").iterdir()) == before


def test_the_workbook_has_the_figures_of_the_tables_to_the_cent(home: Place) -> None:
    current = (home.published / "current").resolve()
    book = openpyxl.load_workbook(current / "finance.xlsx", read_only=True)
    with duckdb.connect(str(current / "funnel.duckdb"), read_only=True) as connection:
        for title, name, keys, figure in (
            ("Forecast", "forecast_current", ("target_month", "component", "segment"), "p90"),
            ("Revenue", "actual_revenue_monthly", ("month", "segment"), "won_amount_now"),
            (
                "Waterfall",
                "mart_pipeline_waterfall_monthly",
                ("month", "basis", "pipeline_key", "currency"),
                "closing_amount",
            ),
        ):
            head, *rows = book[title].iter_rows(min_row=HEADER + 1, values_only=True)
            columns = [head.index(label("segment_key" if key == "segment" else key)) for key in (*keys, figure)]
            shown = {tuple(str(row[c])[:10] if c == 0 else row[c] for c in columns) for row in rows}
            asked = connection.execute(f"select {', '.join(keys)}, {figure} from marts.{name}").fetchall()
            assert {(*row[:-1], round(Decimal(repr(row[-1])), 2)) for row in shown} == {
                (str(month), *more) for month, *more in asked
            }, title
            assert len(asked) > 10


def test_every_explained_figure_is_what_its_deals_make(funnel: Funnel, home: Place) -> None:
    current = (home.published / "current").resolve()
    with duckdb.connect(str(current / "funnel.duckdb"), read_only=True) as connection:
        [month, running] = connection.execute(
            """select max(month) filter (where is_complete_month), max(month)
               from marts.mart_sales_kpis_monthly where won_count > 0 and lost_count > 0"""
        ).fetchone() or (None, None)
    for name in figures():
        for asked in (month, running):
            code, found = funnel("explain", f"{asked:%Y-%m}", name, "--top", "3")
            assert code == 0
            if name != "forecast_revenue":
                assert float(found["deals"]["difference"]) == 0, (name, asked)
                assert found["deals"]["count"] > 0
                assert found["deals"]["top"][0]["source_url"].startswith("https://")
    assert funnel("explain", f"{month:%Y-%m}", "lost_amount")[0] == 2


def test_status_tells_of_it(funnel: Funnel) -> None:
    code, status = funnel("status")
    assert code == 0
    assert status["publication"]["as_of"].startswith("2026-08-31T20:00:00")
    assert status["sources"]["hubspot"]["failed"] == []
    assert status["checks"]["passed"] > 50
    assert status["last_run"]["code"] == 0
    assert [(a["kind"], a["subject"]) for a in status["alerts"]] in ([], [("source_failed", "emea")])
    assert {"prospecting", "qualification", "meeting", "won", "lost"} & {s["stage_category"] for s in status["stages"]}


def test_run_is_in_dagsters_history_with_what_it_did(home: Place) -> None:
    import dagster as dg

    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        runs = [(run.job_name, run.status) for run in instance.get_runs(limit=2)]
        assert runs == [("publish", dg.DagsterRunStatus.SUCCESS), ("refresh", dg.DagsterRunStatus.SUCCESS)]
        landed = instance.get_latest_materialization_event(dg.AssetKey(["landing", "hubspot__deals"]))
        assert landed is not None
        assert landed.asset_materialization is not None
        metadata = landed.asset_materialization.metadata
        assert {"dagster/row_count", "requests", "retries", "seconds", "window", "warnings"} <= set(metadata)
        assert instance.get_latest_materialization_event(dg.AssetKey(["marts", "dim_deals"])) is not None
        assert instance.get_latest_materialization_event(dg.AssetKey(["published", "current"])) is not None


def dagster(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A run as the UI and the schedule launch it: a process of its own that knows only the definitions."""
    command = [sys.executable, "-m", "dagster", "job", "execute", "-m", "orchestration.definitions", *arguments]
    return subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=120)


def test_a_run_from_the_ui_is_refused_while_another_holds_the_lock_and_says_who(home: Place) -> None:
    before, _ = home.last_run.read_text(), home.told
    with RunLock(home.lock, "funnel run --full"):
        done = dagster("-j", "publish")
    assert done.returncode == 1
    assert f"Another run is going: pid {os.getpid()} on " in done.stderr
    assert "`funnel run --full`" in done.stderr
    assert home.last_run.read_text() == before  # the refused run left the outcome of the one before
    assert home.told == []  # a lock held for a moment is no news


def test_a_run_from_the_ui_ends_like_one_from_the_command_line(home: Place) -> None:
    beats = home.beats
    done = dagster("-j", "publish")
    assert done.returncode == 0, done.stderr[-2000:]
    last = json.loads(home.last_run.read_text())
    assert (last["code"], last["outcome"]) == (0, "unchanged")
    assert last["as_of"].startswith("2026-08-31T20:00:00")
    assert home.beats == beats + 1


def test_published_tables_have_a_freshness_policy_and_others_none(home: Place) -> None:
    from orchestration.definitions import defs

    policies = {spec.key.to_user_string(): spec.freshness_policy for spec in defs.resolve_all_asset_specs()}
    assert {key for key, policy in policies.items() if policy} >= {"published/current", "marts/dim_deals"}
    assert all(policies[key] for key in policies if key.startswith("marts/"))
    assert not any(policies[key] for key in policies if key.startswith(("raw/", "staging/", "intermediate/")))


def test_corrupted_table_is_refused_by_name_and_the_publication_stands(funnel: Funnel, home: Place) -> None:
    before = (home.published / "current").readlink()
    with warehouse.connect(home.warehouse) as connection:
        connection.execute("update marts.mart_sales_kpis_monthly set won_count = won_count * 100 + 1")
    code, outcome = funnel("publish")
    assert code == 3
    assert "mart_sales_kpis_monthly.win_rate_n_is_won_plus_lost on marts.mart_sales_kpis_monthly" in outcome["message"]
    assert outcome["message"].endswith("The last publication stands. See docs/runbooks/audit-refused.md.")
    assert (home.published / "current").readlink() == before
    assert ("raised", "audit_refused", "") in home.told


def test_check_tells_where_rates_come_from(funnel: Funnel, home: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    code, found = funnel("check", "--source", "ecb")
    assert (code, [(r["name"], r["ok"]) for r in found["results"]]) == (0, [("daily_rates", True)])
    assert found["rates"] == {"currency": "EUR", "own": 0, "banks": ["ecb"], "missing": []}
    row = {"source": "hubspot", "currency": "AED", "first_month": date(2026, 3, 1), "last_month": date(2026, 8, 1)}
    assert checkup.text(found | {"rates": found["rates"] | {"missing": [row]}}).splitlines()[3:5] == [
        "Exchange rates into EUR: no rates.csv, then the CRM's own, then ecb",
        "  no rate for AED (hubspot), months 2026-03 to 2026-08",
    ]
    monkeypatch.delenv("HUBSPOT_ACCESS_TOKEN")
    code, refused = funnel("run")
    assert (code, refused["message"].split(".")[0]) == (2, "No connection is configured")


def test_wrong_token_is_2_and_nothing_is_published_though_rates_came(
    funnel: Funnel, home: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (home.published / "current").readlink()
    monkeypatch.setenv("HUBSPOT_ACCESS_TOKEN", "pat-na1-expired")
    code, outcome = funnel("run", "--as-of", as_of())
    assert code == 2
    assert "Nothing could be extracted" in outcome["message"]
    assert "pat-na1-expired" not in json.dumps(outcome)
    assert (home.published / "current").readlink() == before
    assert funnel("status")[1]["last_run"]["code"] == 2


def test_as_of_before_the_first_event_is_2(funnel: Funnel) -> None:
    code, outcome = funnel("run", "--as-of", "2001-01-01")
    assert code == 2
    assert "the first event" in outcome["message"]


def test_graph_is_the_one_reviewed(home: Place) -> None:
    """Keys, groups, dependencies, checks, pools. A wanted change: FUNNEL_UPDATE_GRAPH=1 pytest, and read the diff."""
    text = graph()
    if os.environ.get("FUNNEL_UPDATE_GRAPH"):
        GRAPH.write_text(text)
    assert text == GRAPH.read_text()


def graph() -> str:
    from orchestration.definitions import defs

    found = defs.resolve_asset_graph()
    lines = []
    for key in sorted(found.get_all_asset_keys()):
        node = found.get(key)
        pools = ", ".join(sorted(node.pools or ())) or "-"
        lines.append(f"{key.to_user_string()}  [{node.group_name}]  pool {pools}")
        lines += [f"  < {parent.to_user_string()}" for parent in sorted(node.parent_keys)]
        lines += [f"  ? {check.name}" for check in sorted(node.check_keys, key=lambda check: check.name)]
    return "\n".join(lines) + "\n"

"""The real thing in one process: stand-in over HTTP, dbt, Great Expectations, Dagster's history, publication.

The tests share one home and build on one another, in order: a run costs seconds.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from orchestration import cli, warehouse
from orchestration.home import Home

GRAPH = Path(__file__).with_name("graph.txt")
Funnel = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home whose definitions are loaded once; the environment is put back afterwards."""
    before, root = dict(os.environ), tmp_path_factory.mktemp("run") / "home"
    with Sandbox(World(seed=11, deals=150), rate=None, search_rate=None) as sandbox:
        os.environ |= {
            "FUNNEL_HOME": str(root),
            "HUBSPOT_ACCESS_TOKEN": "sandbox-token",
            "HUBSPOT_API_BASE": sandbox.url,
        }
        yield Home(root)
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def funnel(home: Home, capsys: pytest.CaptureFixture[str]) -> Funnel:
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
    funnel: Funnel, home: Home, monkeypatch: pytest.MonkeyPatch
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
    assert (home.data_docs / "index.html").exists()
    assert home.warehouse.stat().st_mode & 0o777 == 0o600


def test_publishing_what_is_published_changes_nothing_and_is_0(funnel: Funnel, home: Home) -> None:
    before = sorted(path.name for path in (home.published / "releases").iterdir())
    code, outcome = funnel("publish")
    assert (code, outcome["outcome"]) == (0, "unchanged"), outcome["message"]
    assert sorted(path.name for path in (home.published / "releases").iterdir()) == before


def test_status_tells_of_it(funnel: Funnel) -> None:
    code, status = funnel("status")
    assert code == 0
    assert status["publication"]["as_of"].startswith("2026-08-31T20:00:00")
    assert status["sources"]["hubspot"]["failed"] == []
    assert status["checks"]["passed"] > 50
    assert status["last_run"]["code"] == 0
    assert {"prospecting", "qualification", "meeting", "won", "lost"} & {s["stage_category"] for s in status["stages"]}


def test_run_is_in_dagsters_history_with_what_it_did(home: Home) -> None:
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


def test_corrupted_table_is_refused_by_name_and_the_publication_stands(funnel: Funnel, home: Home) -> None:
    before = (home.published / "current").readlink()
    with warehouse.connect(home.warehouse) as connection:
        connection.execute("update marts.mart_sales_kpis_monthly set won_count = won_count * 100 + 1")
    code, outcome = funnel("publish")
    assert code == 3
    assert "mart_sales_kpis_monthly.win_rate_n_is_won_plus_lost on marts.mart_sales_kpis_monthly" in outcome["message"]
    assert outcome["message"].endswith("The last publication stands. See docs/runbooks/audit-refused.md.")
    assert (home.published / "current").readlink() == before


def test_wrong_token_is_2_and_nothing_is_published(funnel: Funnel, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_graph_is_the_one_reviewed(home: Home) -> None:
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

"""Undo and compare over the real thing: a changed configuration is seen, undone, redone.

The tests share one home and build on one another, in order: a run costs seconds. A person is forgotten over the same
home in tests/soak/test_forget_run.py.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import pytest

from ingestion.sandbox.model import iso
from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from orchestration import cli
from orchestration.home import Home

Funnel = Callable[..., tuple[int, dict[str, Any]]]
TO_VOID = "stages:\n  hubspot:\n    default: {closedlost: void}\n"


@dataclass
class Place:
    home: Home
    world: World


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    before, root = dict(os.environ), tmp_path_factory.mktemp("undo") / "home"
    with Sandbox(World(seed=5, deals=150, now="2026-06-30T20:00:00Z"), rate=None, search_rate=None) as sandbox:
        for name in [name for name in os.environ if name.startswith(("HUBSPOT", "FUNNEL", "DAGSTER"))]:
            del os.environ[name]
        os.environ |= {
            "FUNNEL_HOME": str(root), "HUBSPOT_ACCESS_TOKEN": "sandbox-token", "HUBSPOT_API_BASE": sandbox.url,
        }  # fmt: skip
        yield Place(Home(root), sandbox.world)
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def funnel(place: Place, capsys: pytest.CaptureFixture[str]) -> Funnel:
    """(exit code, JSON answer) of a command."""

    def call(*arguments: str) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        code = cli.main([*arguments, "--json"])
        (line,) = capsys.readouterr().out.strip().splitlines()
        return code, json.loads(line)

    return call


@pytest.fixture(scope="module")
def ran(place: Place) -> None:
    """A full run."""
    assert cli.main(["run", "--as-of", iso(place.world.now), "--json"]) == 0


def current(place: Place) -> str:
    return (place.home.published / "current").readlink().name


@pytest.mark.usefixtures("ran")
def test_every_published_table_has_a_key_that_is_one(place: Place) -> None:
    file = (place.home.published / "current").resolve() / "funnel.duckdb"
    with duckdb.connect(str(file), read_only=True) as connection:
        rows = connection.execute(
            """select t.schema_name || '.' || t.table_name, g.key_columns from duckdb_tables() t
               left join meta.table_guide g using (schema_name, table_name)"""
        ).fetchall()
        assert len(rows) >= 21
        for table, key in rows:
            assert key, f"{table} has no key in dbt_project/models/meta/table_guide.sql"
            names = ", ".join(f'"{name.strip()}"' for name in key.split(","))
            repeated = connection.execute(f"select {names} from {table} group by all having count(*) > 1").fetchall()
            assert repeated == [], table


@pytest.mark.usefixtures("ran")
def test_changed_category_is_seen_before_publishing_undone_and_published_after_release(
    place: Place, funnel: Funnel
) -> None:
    before = current(place)
    (place.home.root / "funnel.yml").write_text(TO_VOID)
    code, found = funnel("diff", "current", "warehouse", "--build", "--limit", "1000")
    assert (code, found["equal"]) == (0, False)
    tables = {table["table"]: table for table in found["tables"]}
    stage = tables["marts.dim_stages"]
    assert (stage["changed"], stage["rows"][0]["key"]) == (1, {"stage_key": "hubspot:default:closedlost"})
    assert stage["rows"][0]["columns"]["stage_category"] == ["lost", "void"]
    assert tables["marts.dim_deals"]["changed_columns"]["outcome"] > 0
    assert (tables["marts.dim_deals"]["added"], tables["marts.dim_deals"]["removed"]) == (0, 0)
    figures = tables["marts.mart_sales_kpis_monthly"]["figures"]
    lost = {(f["month"], f["pipeline_key"]): f["old"] - f["new"] for f in figures if f["column"] == "lost_count"}
    void = {(f["month"], f["pipeline_key"]): f["new"] - f["old"] for f in figures if f["column"] == "void_count"}
    assert lost == void
    assert sum(n for (_, key), n in lost.items() if key == "all") > 0
    assert current(place) == before

    code, done = funnel("publish")
    assert (code, done["outcome"]) == (0, "published"), done["message"]
    assert current(place) != before
    found = funnel("diff", "previous", "current", "--table", "dim_stages")[1]
    assert found["tables"][0]["rows"][0]["columns"]["stage_category"] == ["lost", "void"]

    code, done = funnel("rollback", "--why", "closed lost is lost")
    assert (code, done["publication"], current(place)) == (0, before, before)
    with place.world.lock:
        place.world.advance(1)
    code, done = funnel("run", "--as-of", iso(place.world.now))
    assert (code, done["outcome"], current(place)) == (0, "held", before)
    assert "publishing is held" in done["message"]
    assert funnel("status")[1]["hold"]["why"] == "closed lost is lost"
    assert (place.home.published / "releases" / done["publication"]).is_dir()
    assert len(list((place.home.published / "releases").iterdir())) == 3

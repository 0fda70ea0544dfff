"""Undo and compare over the real thing: rebuild equals what runs made, a changed configuration is seen, undone, redone.

The tests share one home and build on one another, in order: a run costs seconds.
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
from orchestration import cli, warehouse
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
    """A full run and an incremental one after 20 days."""
    assert cli.main(["run", "--as-of", iso(place.world.now), "--json"]) == 0
    with place.world.lock:
        place.world.advance(20)
    assert cli.main(["run", "--as-of", iso(place.world.now), "--json"]) == 0


def current(place: Place) -> str:
    return (place.home.published / "current").readlink().name


@pytest.mark.usefixtures("ran")
def test_rebuild_equals_what_incremental_runs_made(place: Place, funnel: Funnel) -> None:
    before, published = place.home.warehouse.stat().st_ino, current(place)
    code, found = funnel("rebuild")
    assert (code, found["equal"]) == (0, True), found
    assert "bit for bit" in found["message"]
    assert len(found["unchanged"]) >= 19
    assert place.home.warehouse.stat().st_ino != before
    assert place.home.warehouse.stat().st_mode & 0o777 == 0o600
    assert not (place.home.root / "rebuild").exists()
    assert current(place) == published
    with warehouse.connect(place.home.warehouse, read_only=True) as connection:
        assert connection.execute("select count(*) from meta.publications").fetchone() == (2,)
        assert connection.execute("select count(*) from meta.audits").fetchone()[0] >= 2
    assert funnel("publish")[1]["outcome"] == "unchanged"


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

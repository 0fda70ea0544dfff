"""Undo and compare over the real thing: a changed configuration is seen, undone, redone.

The tests share one home, a copy of the story's first, and build on one another, in order: a run costs seconds. A person
is forgotten over the same home in tests/soak/test_forget_run.py.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg
import duckdb
import pytest

from ingestion.errors import ConfigError
from ingestion.sandbox.model import iso
from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from ingestion.settings import load_settings
from orchestration import cli, transform
from orchestration import own_models as own
from orchestration.home import Home
from orchestration.publish import file_entry, files_of
from tests.definitions import let_go
from tests.e2e.conftest import BEGINNING, DEALS, SEED, Story
from tests.e2e.product import Product

Funnel = Callable[..., tuple[int, dict[str, Any]]]
OWN_YML = """
version: 2
models:
  - name: closed_deals
    config: {{meta: {{table_guide: {{grain: "deal that isn't open", key_columns: deal_key}}}}}}
    columns:
      - name: deal_key
        data_tests: [unique]
      - name: outcome
        data_tests: [{{accepted_values: {{arguments: {{values: [{outcomes}]}}}}}}]
"""
TO_VOID = "stages:\n  hubspot:\n    default: {closedlost: void}\n"


@dataclass
class Place:
    home: Home
    world: World


@pytest.fixture(scope="module")
def place(beginning: Story, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The home of the story's first run, and a source of its own at that very moment."""
    before = dict(os.environ)
    home = beginning.chapters[0].left.copy(tmp_path_factory.mktemp("undo") / "home").home
    with Sandbox(World(seed=SEED, deals=DEALS, now=BEGINNING), rate=None, search_rate=None) as sandbox:
        sandbox.world.observe()  # by the run that made the home
        given = Product(home, sandbox.url).environment()
        os.environ.clear()
        os.environ.update(given)
        let_go()
        yield Place(Home(home), sandbox.world)
    let_go()
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


def current(place: Place) -> str:
    return (place.home.published / "current").readlink().name


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


def test_changed_category_and_own_models_are_seen_before_publishing(place: Place, funnel: Funnel) -> None:
    before = current(place)
    (place.home.root / "funnel.yml").write_text(TO_VOID)
    own_models(place, "lost")
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
    assert figures_of(tables, "mart_sales_kpis_monthly", "win_rate")
    assert all(new is None or new > old for old, new in figures_of(tables, "mart_sales_kpis_monthly", "win_rate"))
    assert figures_of(tables, "mart_pipeline_waterfall_monthly", "lost_amount")
    assert figures_of(tables, "mart_funnel_conversion_monthly", "observed_rate")
    assert tables["marts.mart_loss_reasons_monthly"]["removed"] > 0
    assert tables["own.closed_deals"]["only_in"] == "b"
    assert "own.closed_monthly" not in tables  # dbt builds nothing on what its tests refuse
    assert [text for text in found["refused"] if "own.closed_deals" in text]
    assert funnel("publish")[0] == 3
    assert current(place) == before


def test_held_released_published_with_own_models_and_rolled_back_to_the_byte(place: Place, funnel: Funnel) -> None:
    before = current(place)
    files = hashes(place)
    code, done = funnel("rollback", before, "--why", "closed lost is lost")
    assert (code, done["outcome"], current(place)) == (0, "held", before)
    own_models(place, "lost", "void")
    with place.world.lock:
        place.world.advance(1)
    code, done = funnel("run", "--as-of", iso(place.world.now))
    assert (code, done["outcome"], current(place)) == (0, "held", before), done["message"]
    assert "publishing is held" in done["message"]
    assert funnel("status")[1]["hold"]["why"] == "closed lost is lost"
    assert (place.home.published / "releases" / done["publication"]).is_dir()
    assert len(list((place.home.published / "releases").iterdir())) == 2

    assert funnel("release")[1]["outcome"] == "released"
    code, done = funnel("publish")
    assert (code, done["outcome"]) == (0, "published"), done["message"]
    assert current(place) == done["publication"] != before
    found = funnel("diff", "previous", "current", "--table", "dim_stages", "--table", "closed_deals")[1]
    assert found["tables"][0]["rows"][0]["columns"]["stage_category"] == ["lost", "void"]
    assert found["tables"][1] == {"table": "own.closed_deals", "differs": True, "only_in": "b"}
    file = place.home.published / "current" / "funnel.duckdb"
    with duckdb.connect(str(file.resolve()), read_only=True) as connection:
        told = connection.execute("select outcome, deals from own.closed_monthly order by all").fetchall()
        ours = (
            """select outcome, count(*) from marts.dim_deals where outcome in ('lost', 'void') group by 1 order by 1"""
        )
        assert told == connection.execute(ours).fetchall() != []
        guide = "select * exclude (notes) from meta.table_guide where schema_name = 'own'"
        assert connection.execute(guide).fetchall()[0][:4] == (
            "own",
            "closed_deals",
            "deal that isn't open",
            "deal_key",
        )
        checks = """select count(*) from meta.check_results where "table" = 'own.closed_deals' and status = 'pass'"""
        assert connection.execute(checks).fetchall() == [(2,)]
    assert (place.home.published / "current" / "parquet" / "closed_deals.parquet").exists()

    code, done = funnel("rollback", "--why", "closed lost is lost")
    assert (code, done["publication"], current(place)) == (0, before, before)
    assert hashes(place) == files
    assert funnel("publish")[1]["outcome"] == "held"
    assert current(place) == before


def test_own_models_are_in_the_asset_graph_and_what_they_may_not_read_is_refused(place: Place) -> None:
    settings = load_settings()
    assets = transform.models(settings)
    assert assets.group_names_by_key[dg.AssetKey(["own", "closed_monthly"])] == "own"
    assert assets.asset_deps[dg.AssetKey(["own", "closed_deals"])] == {dg.AssetKey(["marts", "dim_deals"])}
    model, good = place.home.models / "closed_monthly.sql", "select 1 as a"
    for text, reason in (
        ("select * from {{ ref('int_deals') }}", "not allowed because the referenced node is protected"),
        ("select * from {{ ref('no_such') }}", "(models/closed_monthly.sql) depends on a node named 'no_such'"),
        ("select * from {{ source('raw', '_windows') }}", "models/closed_monthly.sql: reads raw._windows"),
        ("{{ config(schema='marts') }} select 1 as a", "models/closed_monthly.sql: would be marts.closed_monthly"),
    ):
        model.write_text(text)
        with pytest.raises(ConfigError) as refused:
            own.check(settings)
        assert reason in str(refused.value)
    assert cli.main(["run", "--json"]) == 2
    model.write_text(good)
    own.check(settings)


def own_models(place: Place, *outcomes: str) -> None:
    """Two models, one of the other; a test of the first wants these outcomes."""
    place.home.models.mkdir(exist_ok=True)
    closed = "select deal_key, outcome from {{ ref('dim_deals') }} where outcome in ('lost', 'void')\n"
    (place.home.models / "closed_deals.sql").write_text(closed)
    monthly = "select outcome, count(*) as deals from {{ ref('closed_deals') }} group by all\n"
    (place.home.models / "closed_monthly.sql").write_text(monthly)
    (place.home.models / "closed.yml").write_text(OWN_YML.format(outcomes=", ".join(outcomes)))


def figures_of(tables: dict[str, Any], mart: str, column: str) -> list[tuple[Any, Any]]:
    """(old, new) of every changed figure of a column of a mart."""
    return [(f["old"], f["new"]) for f in tables[f"marts.{mart}"]["figures"] if f["column"] == column]


def hashes(place: Place) -> dict[str, Any]:
    """What every file of the current publication is."""
    folder = place.home.published / "current"
    return {name: file_entry(folder / name) for name in files_of(folder.resolve())}

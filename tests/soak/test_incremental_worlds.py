"""Five random worlds, others each day, read in three runs: every published table is what one full build makes of it."""

import random
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "dbt_project"))

from conftest import Dbt
from lives import configure, extract, extractions, invite, iso, leads, lives
from raw import make_warehouse, set_as_of

DRAW = random.Random(datetime.now(UTC).toordinal())
SEEDS = [DRAW.randrange(10**6) for _ in range(5)]
RUNS = (8, 12)
"""Extractions of the first run, and of the first two; the rest come with the leads in the third."""
DEALS = 200
BUILD = ("build", "--exclude-resource-type", "test", "unit_test")
KEPT = ("intermediate.int_deal_events", "intermediate.int_stage_visits", "intermediate.int_forecast_histories")
"""What is built by deal and not published, beside the marts."""


@pytest.fixture(scope="module")
def dbt(tmp_path_factory) -> Dbt:
    return Dbt(tmp_path_factory.mktemp("dbt"))


def read_in_runs(dbt: Dbt, path: Path, seed: int) -> None:
    """A warehouse in which each run added to what the one before had built."""
    world = lives(seed, ZoneInfo("UTC"), DEALS)
    every = extractions()
    make_warehouse(path).close()
    for number, (first, last) in enumerate(zip((0, *RUNS), (*RUNS, len(every)), strict=True)):
        with duckdb.connect(str(path)) as con:
            con.execute("set TimeZone = 'UTC'")
            if number == 0:
                configure(con)
            extract(con, world, every[first:last])
            if last == len(every):
                invite(con, leads(seed, ZoneInfo("UTC"), world))
            set_as_of(con, iso(every[last - 1]))
        dbt(path, *BUILD)


def tables(path: Path) -> dict[str, list[tuple]]:
    with duckdb.connect(str(path), read_only=True) as con:
        con.execute("set TimeZone = 'UTC'")
        names = con.execute("""select schema_name || '.' || table_name from duckdb_tables()
            where schema_name = 'marts' order by 1""").fetchall()  # fmt: skip
        return {
            name: sorted(con.execute(f"from {name}").fetchall(), key=repr)
            for name in [*(name for (name,) in names), *KEPT]
        }


@pytest.mark.parametrize("seed", SEEDS)
def test_incremental_equals_full(dbt: Dbt, tmp_path: Path, seed: int) -> None:
    path, fresh = tmp_path / "runs.duckdb", tmp_path / "fresh.duckdb"
    read_in_runs(dbt, path, seed)
    shutil.copy(path, fresh)
    with duckdb.connect(str(fresh)) as con:
        for schema in ("intermediate", "marts", "staging", "semantic"):
            con.execute(f"drop schema if exists {schema} cascade")
    dbt(fresh, *BUILD)
    runs, full = tables(path), tables(fresh)
    assert runs.keys() == full.keys()
    assert len(runs) > 40
    assert len(full["marts.fct_stage_transitions"]) > 300
    assert len(full["marts.forecast_monthly"]) > 100
    different = {name: [row for row in runs[name] if row not in full[name]][:2] for name in full
                 if runs[name] != full[name]}  # fmt: skip
    assert different == {}

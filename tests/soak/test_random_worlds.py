"""Twenty random worlds, others each day: every cell of waterfall, KPIs and cohorts, and the tests of the project, which
hold MARTS.md's invariants 1, 2, 4, 5 and 6 (of 3 see tests/dbt_project/test_incremental_equals_full.py)."""

import random
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "dbt_project"))

from chain import read_compiled
from conftest import Dbt
from lives_cohorts import cohorts
from lives_kpis import kpis
from lives_waterfall import waterfall
from raw import make_warehouse
from told import cohort_cells, compiled_for, differences, kpi_cells, tell, waterfall_cells

ZONES = ["Asia/Vladivostok", "America/New_York", "Europe/Berlin", "Australia/Sydney", "UTC"]
DRAW = random.Random(datetime.now(UTC).toordinal())
WORLDS = [(ZONES[n % 5], DRAW.randint(1, 12), DRAW.randrange(10**6)) for n in range(20)]


@pytest.fixture(scope="module")
def dbt(tmp_path_factory) -> Dbt:
    return Dbt(tmp_path_factory.mktemp("dbt"))


def compile_with(dbt: Dbt, folder: Path, *arguments: str) -> dict[str, str]:
    make_warehouse(folder / "empty.duckdb").close()
    dbt(folder / "empty.duckdb", "compile", *arguments)
    return read_compiled(dbt.target)


@pytest.fixture(scope="module")
def compiled(dbt, tmp_path_factory) -> dict[str, str]:
    return compile_with(dbt, tmp_path_factory.mktemp("utc"))


@pytest.mark.parametrize(("zone", "fiscal_start", "seed"), WORLDS)
def test_every_cell_and_every_invariant(dbt, compiled, zone, fiscal_start, seed):
    told = tell(compiled, dbt.target, zone, fiscal_start, seed, count=200)
    with told.con:
        assert differences(waterfall_cells(told), waterfall(told.world, told.calendar))[:5] == []
        assert differences(kpi_cells(told), kpis(told.world, told.people, told.calendar))[:5] == []
        assert differences(cohort_cells(told), cohorts(told.world, told.calendar))[:5] == []
        assert told.failing() == []


def test_vars_compile_to_what_the_worlds_are_built_with(compiled, tmp_path):
    """dbt itself, with these vars in a process of its own (partial parsing would keep what the other has)."""
    folder = tmp_path / "vars"
    folder.mkdir()
    theirs = compile_with(
        Dbt(folder), tmp_path, "--vars", "{reporting_timezone: Australia/Sydney, fiscal_year_start_month: 6}"
    )
    ours = compiled_for(compiled, "Australia/Sydney", 6)
    assert {name for name in theirs if theirs[name] != ours[name]} <= {"dim_dates", "dim_months"}

"""Incremental = full, row for row: after every step of tests/dbt_project's, and every table of three looks at June."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "dbt_project"))

import duckdb
import test_incremental_equals_full as short
from conftest import Dbt
from june import AS_OF, step
from raw import make_warehouse
from test_marts_june import NO_TESTS, contents


@pytest.fixture(scope="module")
def dbt(tmp_path_factory) -> Dbt:
    return Dbt(tmp_path_factory.mktemp("dbt"))


@pytest.fixture(scope="module")
def after(dbt, tmp_path_factory):
    return short.told(dbt, tmp_path_factory.mktemp("steps"), short.STEPS)


@pytest.mark.parametrize("step", short.STEPS)
@pytest.mark.parametrize("table", short.TABLES)
def test_incremental_equals_full(after, table, step):
    short.test_incremental_equals_full(after, table, step)


def test_every_step_changes_what_it_is_about(after):
    short.test_every_step_changes_what_it_is_about(after)
    other, fourth = (after[name][0]["marts.fct_pipeline_month_end"] for name in ("other_home", "fourth"))
    assert other != fourth


def test_every_table_of_june(dbt, tmp_path):
    path = tmp_path / "warehouse.duckdb"
    make_warehouse(path, AS_OF[0]).close()
    for number in range(3):
        with duckdb.connect(str(path)) as con:
            con.execute("set TimeZone = 'UTC'")
            step(con, number)
        dbt(path, "build", *NO_TESTS)
    incremental = contents(path)
    dbt(path, "build", "--full-refresh", *NO_TESTS)
    full = contents(path)
    assert incremental.keys() == full.keys()
    for table, rows in full.items():
        assert incremental[table] == rows, table
    assert sum(map(len, full.values())) > 400

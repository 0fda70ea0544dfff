"""Four incremental runs give, row for row, what one full build over the same raw rows gives."""

import duckdb
import pytest
from raw import make_warehouse
from traps import STEPS

TABLES = (
    "staging.stg_hubspot__deal_versions",
    "staging.stg_hubspot__deal_events",
    "intermediate.int_deal_events",
    "intermediate.int_deal_states",
    "intermediate.int_stage_visits",
    "intermediate.int_stages",
    "marts.fct_deal_events",
    "marts.fct_stage_transitions",
    "marts.dim_stages",
    "marts.dim_stages_history",
    "marts.dim_pipelines",
)
MODELS = (
    "--select",
    "+fct_stage_transitions",
    "+fct_deal_events",
    "+dim_stages",
    "+dim_stages_history",
    "+dim_pipelines",
)


def snapshot(path):
    with duckdb.connect(str(path), read_only=True) as con:
        con.execute("set TimeZone = 'UTC'")
        return {table: sorted(con.execute(f"from {table}").fetchall(), key=repr) for table in TABLES}


@pytest.fixture(scope="module")
def both(dbt, tmp_path_factory):
    """(after four incremental runs, after a full build) as {table: rows}."""
    path = tmp_path_factory.mktemp("steps") / "warehouse.duckdb"
    make_warehouse(path).close()
    for step in STEPS:
        con = duckdb.connect(str(path))
        con.execute("set TimeZone = 'UTC'")
        step(con)
        con.close()
        dbt(path, "build", *MODELS, "--exclude-resource-type", "test", "unit_test")
    incremental = snapshot(path)
    dbt(path, "build", *MODELS, "--full-refresh", "--exclude-resource-type", "test", "unit_test")
    return incremental, snapshot(path)


@pytest.mark.parametrize("table", TABLES)
def test_incremental_equals_full(both, table):
    incremental, full = both
    assert len(full[table]) >= 3
    assert incremental[table] == full[table]

"""Incremental runs give, row for row and after each of them, what one full build over the same raw rows gives: with new
windows, with a clock that moves on or back, and with another configuration. More steps: tests/soak, with these
functions."""

import itertools
import shutil
from datetime import datetime

import duckdb
import pytest
from chain import read_compiled
from raw import make_warehouse, set_as_of
from traps import first, fourth, second, third

TABLES = (
    "staging.stg_hubspot__deal_versions",
    "staging.stg_hubspot__deal_events",
    "intermediate.int_deal_events",
    "intermediate.int_deal_states",
    "intermediate.int_stage_visits",
    "intermediate.int_stages",
    "marts.fct_deal_events",
    "marts.fct_stage_transitions",
    "marts.fct_pipeline_month_end",
    "intermediate.int_deal_edits",
    "intermediate.int_open_value_steps",
    "marts.fct_pipeline_movements",
    "marts.dim_stages",
    "marts.dim_stages_history",
    "marts.dim_pipelines",
    "intermediate.int_forecast_histories",
    "intermediate.int_funnel_journeys",
)


def nothing(con):
    """No new window: the clock alone moves."""


def reconfigured(con):
    """Another category for a stage, and rates where there were none."""
    con.execute("insert into meta.configured_stages values ('hubspot', 'east', 'shared', 'void')")
    con.execute("insert into meta.configured_rates values ('USD', 'month_end', null, 0.5)")


def other_home(con):
    """The deals without a currency are in dollars."""
    con.execute("update meta.configured_sources set home_currency = 'USD'")


STEPS = {
    "first": (first, "2026-06-01T12:00:00Z"),
    "back_to_february": (nothing, "2026-02-07T09:00:00Z"),
    "second": (second, "2026-06-25T00:00:00Z"),
    "third": (third, "2026-07-12T00:00:00Z"),
    "rest_of_july": (nothing, "2026-07-31T23:00:00Z"),
    "reconfigured": (reconfigured, "2026-07-31T23:00:00Z"),
    "before_the_merge": (nothing, "2026-06-10T09:00:00Z"),
    "fourth": (fourth, "2026-09-01T12:00:00Z"),
    "other_home": (other_home, "2026-09-02T00:00:00Z"),
}


SHORT = ("first", "second", "third", "reconfigured", "before_the_merge")
"""Each reason to build again once; the others are soaked."""


def snapshot(con):
    return {table: sorted(con.execute(f"from {table}").fetchall(), key=repr) for table in TABLES}


def told(dbt, folder, steps):
    """{step: (tables as the incremental run left them, tables computed anew from the same raw rows)}."""
    path, copy = folder / "steps.duckdb", folder / "warehouse.duckdb"
    make_warehouse(path).close()
    ends = [table for table in TABLES if table.startswith("marts") or "forecast" in table or "funnel" in table]
    models = [f"+{table.split('.')[1]}" for table in ends]
    order, compiled, found = [], {}, {}
    for name in steps:
        step, as_of = STEPS[name]
        with duckdb.connect(str(path)) as con:
            con.execute("set TimeZone = 'UTC'")
            step(con)
            set_as_of(con, as_of)
        results = dbt(path, "build", "--select", *models, "--exclude-resource-type", "test", "unit_test")
        if not compiled:  # of a run that had nothing to build on: the whole of each model
            compiled = read_compiled(dbt.target)
            order = [r.node for r in results if r.node.resource_type == "model" and r.node.name in compiled]
        shutil.copy(path, copy)
        with duckdb.connect(str(copy)) as con:
            con.execute("set TimeZone = 'UTC'")
            incremental = snapshot(con)
            for node in order:
                if node.config.materialized != "view":
                    con.execute(f"create or replace table {node.schema}.{node.alias} as {compiled[node.name]}")
            found[name] = (incremental, snapshot(con))
    return found


@pytest.fixture(scope="module")
def after(dbt, tmp_path_factory):
    return told(dbt, tmp_path_factory.mktemp("steps"), SHORT)


@pytest.mark.parametrize("step", SHORT)
@pytest.mark.parametrize("table", TABLES)
def test_incremental_equals_full(after, table, step):
    incremental, full = after[step]
    assert len(full[table]) >= 3
    assert incremental[table] == full[table]


def test_every_step_changes_what_it_is_about(after):
    """A step that moves nothing would prove nothing."""
    marts = {name: incremental for name, (incremental, _) in after.items()}
    for before, now in itertools.pairwise(after):
        changed = [table for table in TABLES[6:9] if marts[before][table] != marts[now][table]]
        assert changed, now


def test_a_past_month_end_is_seen_alike_before_and_after_a_merge(after):
    """What the forecast learns from is cut at as_of and not else: nobody knew then which deal was to be merged away."""
    histories = {name: incremental["intermediate.int_forecast_histories"] for name, (incremental, _) in after.items()}
    seam = datetime(2026, 6, 10, 9)  # noqa: DTZ001 local to the reporting time zone, as happened_at is
    before, later = histories["before_the_merge"], histories["reconfigured"]
    assert [row for row in later if row[1] < seam and row[0] == "hubspot:9"] != []
    assert {row[3] for row in later if row[0] == "hubspot:9" and row[1] >= seam} == {"lost"}
    # the category of a stage was changed between the two: that is no event and counts for the past as well
    assert [row[:3] for row in later if row[1] < seam] == [row[:3] for row in before]

"""Real pipelines through the stand-in, the API client and the whole warehouse: every published figure is what a short
pandas script says straight from the file. What is particular to a data set: docs/golden-cases.md.
"""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.sandbox.replay import replay
from ingestion.sandbox.serve import Sandbox
from tests.e2e.product import Product, ended, moment
from tests.soak.golden import Cells, Golden

DATA = Path(__file__).parents[3] / "shared" / "data"
SETS = [
    "maven_crm",
    "olist_funnel",
    "traffic_fines",
    "bpi2012_loans",
    "bpi2020_rfp",
    "bpi2020_domestic",
    "hotel_resort",
]
QUERIES = {
    "kpis": "select month, * exclude (month) from marts.mart_sales_kpis_monthly where is_rollup",
    "pipeline": "select month, * exclude (month) from marts.mart_sales_kpis_monthly where not is_rollup",
    "sales": """select month, sum(columns(* exclude (month, month_end, pipeline_key, owner_key, team_key, team_now,
                deal_type, original_source, is_complete_month, weighted_amount)))
                from marts.mart_sales_monthly group by month""",
    "stages": """select month, stage_name, marts.* exclude (month) from marts.mart_stage_performance_monthly as marts
                 join marts.dim_stages using (stage_key)""",
    "conversions": """select cohort_month, a.stage_name as start, b.stage_name as finish, marts.*
                      from marts.mart_funnel_conversion_monthly as marts
                      join marts.dim_stages as a on a.stage_key = from_stage_key
                      join marts.dim_stages as b on b.stage_key = to_stage_key where basis = 'stage_entered'""",
    "waterfall": "select month, * exclude (month) from marts.mart_pipeline_waterfall_monthly where basis = 'all_open'",
}
ACCEPTED = {"hotel_resort": ["--accept", "fct_pipeline_month_end.deals_change_in_bounds"]}
"""Where the file itself ends in a way that the audit is there to stop (docs/golden-cases.md)."""
KEYS = {"stages": 2, "conversions": 3}


@pytest.fixture(scope="module", params=SETS)
def published(request, tmp_path_factory) -> tuple[Golden, duckdb.DuckDBPyConnection]:
    """(the file, the publication of one run over its replay)."""
    path = DATA / request.param / "transitions.csv.gz"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    world = replay(path)
    with Sandbox(world, rate=None, search_rate=None) as sandbox:
        product = Product(tmp_path_factory.mktemp(request.param) / "home", sandbox.url)
        done = ended(product.start("run", "--as-of", moment(world), *ACCEPTED.get(request.param, [])), longest=1800)
    assert (done.code, done.outcome.get("outcome")) == (0, "published"), done.text
    golden = Golden(path)
    assert golden.as_of.isoformat() == moment(world).removesuffix(".000Z")
    with duckdb.connect(str(product.published), read_only=True) as connection:
        yield golden, connection


def cells(connection: duckdb.DuckDBPyConnection, name: str) -> Cells:
    cursor = connection.execute(QUERIES[name])
    names, width = [column[0] for column in cursor.description], KEYS.get(name, 1)
    return {row[:width]: dict(zip(names[width:], row[width:], strict=True)) for row in cursor.fetchall()}


def apart(ours: Cells, theirs: Cells, figures: set[str]) -> list[tuple[Any, ...]]:
    """(cell, figure, ours, theirs) where they differ by more than rounding; null and 0 are nothing."""
    found = []
    for key in ours.keys() | theirs.keys():
        for name in figures:
            mine, other = float(ours.get(key, {}).get(name) or 0), float(theirs.get(key, {}).get(name) or 0)
            if mine != pytest.approx(other, rel=1e-9, abs=1e-6):
                found.append((key, name, mine, other))
    return sorted(found, key=repr)


@pytest.mark.parametrize("name", ["kpis", "stages", "conversions", "waterfall"])
def test_every_cell(published, name):
    golden, connection = published
    theirs, ours = getattr(golden, name)(), cells(connection, name)
    figures = {figure for cell in theirs.values() for figure in cell}
    assert len(figures) >= 3
    assert apart(ours, theirs, figures)[:8] == []


def test_the_one_pipeline_and_the_additive_table_say_the_same(published):
    golden, connection = published
    theirs = golden.kpis()
    for name in ("pipeline", "sales"):
        ours = cells(connection, name)
        figures = {figure for cell in theirs.values() for figure in cell} & {f for cell in ours.values() for f in cell}
        assert {"new_deals", "won_count", "won_amount", "open_opportunities"} <= figures
        assert apart(ours, theirs, figures)[:8] == []


def test_open_deals(published):
    golden, connection = published
    found = connection.execute("select count(*), sum(amount) from marts.mart_open_deals").fetchone()
    still = golden.deals[golden.deals.is_open]
    assert (found[0], float(found[1] or 0)) == (len(still), pytest.approx(float(still.amount.sum())))

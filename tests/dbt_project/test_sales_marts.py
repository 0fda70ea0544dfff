"""The sales marts over a random portal, each figure of each cell against plain loops (sales_oracle)."""

from decimal import Decimal

import naive
import pytest
import sales_oracle as oracle
from chain import read_compiled
from sales_world import AS_OF, fill
from whole import build, records

TESTS = ("marts_sales_roll_up", "marts_kpis_add_up", "marts_losses_add_up", "marts_lead_funnel_is_the_leads",
         "marts_renewals_add_up", "marts_bridge_explains")  # fmt: skip


@pytest.fixture(scope="module")
def con(dbt, compiled):
    with build(compiled, dbt.target, fill, AS_OF) as connection:
        yield connection


def cells(con, table, key, figures):
    """{key: {figure: value}} of a mart, zeros and nulls left out, as the oracle gives them."""
    found = {}
    for row in records(con, table):
        values = {name: row[name] for name in figures if row[name]}
        if values:
            assert tuple(row[name] for name in key) not in found
            found[tuple(row[name] for name in key)] = values
    return found


def alike(ours, theirs):
    assert ours.keys() == theirs.keys()
    for key, values in theirs.items():
        assert ours[key].keys() == values.keys(), key
        for name, value in values.items():
            exact = isinstance(value, int | Decimal)
            assert ours[key][name] == (value if exact else pytest.approx(value, rel=1e-12)), (key, name)


def test_data_tests_of_the_marts(con, dbt):
    """dbt's own singular tests hold on this world too."""
    compiled = read_compiled(dbt.target)
    for name in TESTS:
        assert con.execute(compiled[name]).fetchall() == [], name


def test_sales_monthly(con):
    theirs = oracle.sales_monthly(con)
    key = ("month", "pipeline_key", "owner_key", "team_key", "team_now", "deal_type", "original_source")
    figures = {name for cell in theirs.values() for name in cell}
    assert len(figures) >= 20
    assert len(theirs) > 250
    assert sum(key[3] != key[4] for key in theirs) > 20  # teams of then and of now differ
    alike(cells(con, "marts.mart_sales_monthly", key, figures), theirs)


def test_rates_sizes_and_cycles_of_new_business_alone(con):
    theirs = oracle.new_business(con)
    figures = {name for cell in theirs.values() for name in cell}
    assert len(figures) == 5
    assert len(theirs) > 10
    alike(cells(con, "marts.mart_sales_kpis_monthly", ("month", "pipeline_key"), figures), theirs)
    apart = """select count(*) from marts.mart_sales_kpis_monthly where is_rollup
        and new_business_average_sales_cycle_days <> average_sales_cycle_days
        and new_business_average_deal_size <> average_deal_size"""
    assert con.execute(apart).fetchone()[0] > 3


def test_loss_reasons(con):
    theirs = oracle.losses(con)
    key = ("month", "pipeline_key", "lost_from_stage_key", "lost_reason")
    figures = {name for cell in theirs.values() for name in cell}
    assert len(figures) == 4
    assert {k[3] for k in theirs} >= {"not given", "whatever"}
    alike(cells(con, "marts.mart_loss_reasons_monthly", key, figures), theirs)


def test_lead_funnel(con):
    theirs = oracle.lead_funnel(con)
    figures = {name for cell in theirs.values() for name in cell}
    assert len(figures) == 11
    assert sum("median_days_to_customer" in cell for cell in theirs.values()) >= 5
    alike(cells(con, "marts.mart_lead_funnel_monthly", ("cohort_month", "original_source"), figures), theirs)


def test_renewals(con):
    theirs, months = oracle.renewals(
        con, {row["deal_key"]: row["company_key"] for row in records(con, "marts.dim_deals")}
    )
    columns = ("renewal_of_deal_key", "renewal_due_date", "available_amount", "available_currency")
    ours = {
        row["deal_key"]: tuple(row[c] for c in columns)
        for row in records(con, "marts.dim_deals")
        if row["renewal_of_deal_key"]
    }
    assert len(theirs) > 20
    assert ours == theirs
    figures = {name for cell in months.values() for name in cell}
    assert len(figures) >= 15
    assert sum(cell.get("won_gross", 0) > 0 for cell in months.values()) >= 3
    alike(cells(con, "marts.mart_renewals_monthly", ("due_month", "pipeline_key"), figures), months)


def test_definition_bridge(con):
    won = {"closedwon", "renewed"}
    theirs = oracle.crm_figures(con, won, won | {"closedlost", "churned", "dup"})
    months = {row["month"] for row in records(con, "intermediate.int_months")}
    rows = records(con, "marts.mart_definition_bridge")
    ours = {(row["month"], row["metric"]): row["crm_figure"] for row in rows if row["is_rollup"]}
    assert len(ours) == 3 * len(months)
    for key, figure in theirs.items():
        if key[0] in months:
            assert ours[key] == (None if figure is None else pytest.approx(figure, rel=1e-12)), key
    reasons = {row["reason"] for row in rows}
    assert reasons - {None} == {
        "void_here", "no_close_date", "amount_edited", "zero_amount", "negative_amount", "other_rate",
    }  # fmt: skip


def test_naive_sums_after_the_table_guide_are_the_facts(con):
    """Each table as a BI tool sums it that follows the guide, and that overlooks one of its warnings."""
    sums = naive.guided(con)
    assert {how.table for how, _ in sums} == set(naive.TRUTHS) | naive.FACTS
    assert len([how for how, _ in sums if how.sum(con)]) > 120
    assert naive.wrong(con) == []
    assert naive.unsaid(con) == naive.NEVER

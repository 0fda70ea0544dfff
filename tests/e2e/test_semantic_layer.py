"""The semantic layer and the marts give the same figure, asked by month, fiscal quarter, team, type or source."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import duckdb
import pytest

from tests.e2e.conftest import Story
from tests.e2e.semantic import engine, sql

SALES, LEADS, LOSSES = "mart_sales_monthly", "mart_lead_funnel_monthly", "mart_loss_reasons_monthly"
REPS, WON, OPEN = "mart_rep_performance_monthly", "fct_won_revenue", "fct_pipeline_month_end"
MONTH = {SALES: "month", LEADS: "cohort_month", LOSSES: "month", REPS: "month", WON: "won_month",
         OPEN: "date_trunc('month', month_end)"}  # fmt: skip
ONLY = {WON: "not is_reversed"}
STANDING = {"open_opportunities", "open_amount", "crm_weighted_amount", "month_end_deals", "month_end_amount"}
"""Seen at a month's end: of several months the last one counts."""
NEW = "filter (where deal_type = 'new_business')"
FIGURES = {
    "new_leads": (SALES, "sum(new_leads)"),
    "new_deals": (SALES, "sum(new_deals)"),
    "imported_deals": (SALES, "sum(imported_deals)"),
    "won_deals": (SALES, "sum(won_count)"),
    "lost_deals": (SALES, "sum(lost_count)"),
    "void_deals": (SALES, "sum(void_count)"),
    "won_amount": (SALES, "sum(won_amount)"),
    "lost_amount": (SALES, "sum(lost_amount)"),
    "new_business_won_amount": (SALES, "sum(won_amount) filter (where deal_type = 'new_business')"),
    "renewal_won_amount": (SALES, "sum(won_amount) filter (where deal_type = 'renewal')"),
    "upsell_won_amount": (SALES, "sum(won_amount) filter (where deal_type = 'upsell')"),
    "won_amount_positive": (SALES, "sum(won_amount_positive)"),
    "closed_amount_positive": (SALES, "sum(closed_amount_positive)"),
    "won_amount_plan": (SALES, "sum(won_amount_plan)"),
    "sized_won_deals": (SALES, "sum(won_count_positive)"),
    "zero_amount_won_deals": (SALES, "sum(zero_amount_won_count)"),
    "cycle_days": (SALES, "sum(cycle_days_sum)"),
    "cycled_deals": (SALES, "sum(cycle_count)"),
    "closed_deals": (SALES, "sum(won_count) + sum(lost_count)"),
    "win_rate": (SALES, "sum(won_count) / nullif(sum(won_count) + sum(lost_count), 0)"),
    "win_rate_value": (SALES, "sum(won_amount_positive)::double / nullif(sum(closed_amount_positive), 0)::double"),
    "win_loss_ratio": (SALES, "sum(won_count) / nullif(sum(lost_count), 0)"),
    "average_deal_size": (SALES, "sum(won_amount_plan)::double / nullif(sum(won_count_positive), 0)"),
    "average_sales_cycle_days": (SALES, "sum(cycle_days_sum) / nullif(sum(cycle_count), 0)"),
    "new_business_win_rate": (SALES, f"sum(won_count) {NEW} / nullif(sum(won_count + lost_count) {NEW}, 0)"),
    "new_business_average_deal_size": (
        SALES,
        f"sum(won_amount_plan::double) {NEW} / nullif(sum(won_count_positive) {NEW}, 0)",
    ),
    "new_business_average_sales_cycle_days": (
        SALES,
        f"sum(cycle_days_sum) {NEW} / nullif(sum(cycle_count) {NEW}, 0)",
    ),
    "open_opportunities": (SALES, "sum(open_opportunities)"),
    "open_amount": (SALES, "sum(open_amount)"),
    "crm_weighted_amount": (SALES, "sum(crm_weighted_amount)"),
    "won_native_amount": (WON, "sum(amount)"),
    "won_spells": (WON, "count(*)"),
    "month_end_deals": (OPEN, "count(*)"),
    "month_end_amount": (OPEN, "sum(amount_reporting)"),
    "leads": (LEADS, "sum(leads)"),
    "mqls": (LEADS, "sum(mqls)"),
    "sqls": (LEADS, "sum(sqls)"),
    "opportunities": (LEADS, "sum(opportunities)"),
    "customers": (LEADS, "sum(customers)"),
    "lead_to_mql_rate": (LEADS, "sum(mqls) / nullif(sum(leads), 0)"),
    "mql_to_sql_rate": (LEADS, "sum(sqls) / nullif(sum(mqls), 0)"),
    "sql_to_opportunity_rate": (LEADS, "sum(opportunities) / nullif(sum(sqls), 0)"),
    "opportunity_to_customer_rate": (LEADS, "sum(customers) / nullif(sum(opportunities), 0)"),
    "lead_to_customer_rate": (LEADS, "sum(customers) / nullif(sum(leads), 0)"),
    "losses_count": (LOSSES, "sum(lost_count)"),
    "losses_amount": (LOSSES, "sum(lost_amount)"),
    "quota": (REPS, "sum(quota)"),
    "won_against_quota": (REPS, "sum(won_amount) filter (where quota is not null)"),
    "quota_attainment": (REPS, "sum(won_amount) filter (where quota is not null)::double / nullif(sum(quota), 0)"),
    "quota_gap": (REPS, "sum(quota) - sum(won_amount) filter (where quota is not null)"),
}
"""Metric → (table, the same figure in plain SQL)."""


@pytest.fixture(scope="module")
def asked(story: Story) -> Iterator[tuple[Any, duckdb.DuckDBPyConnection]]:
    """(MetricFlow over the manifest that the last run made, a connection to what that run published)."""
    last = story.chapters[-1].left
    manifest = last.home / "target" / "semantic_manifest.json"
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"attach '{last.published}' as warehouse (read_only)")
        connection.execute("use warehouse")
        yield engine(manifest), connection


def answer(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, Any]:
    """{first column as text: last column}; rows without a figure are left out."""
    rows = connection.execute(query).fetchall()
    return {_text(row[0]): float(row[-1]) for row in rows if row[-1] is not None}


def _text(key: Any) -> str:
    """Months come as dates from marts and as timestamps from MetricFlow."""
    return f"{key:%Y-%m-%d}" if isinstance(key, date) else str(key)


def test_every_metric_is_listed_once(asked: tuple[Any, Any]) -> None:
    assert {metric.name for metric in asked[0].list_metrics()} == set(FIGURES)


@pytest.mark.parametrize("metric", FIGURES)
def test_by_month_it_is_the_marts_figure(asked: tuple[Any, Any], metric: str) -> None:
    mf, connection = asked
    table, figure = FIGURES[metric]
    plain = f"""select {MONTH[table]}::date as month, {figure} from marts.{table}
                where {ONLY.get(table, "true")} group by 1"""
    found = answer(connection, sql(mf, [metric], ["metric_time__month"]))
    expected = answer(connection, plain)
    assert found == pytest.approx(expected, rel=1e-9)
    if table != REPS:  # the story has no targets.csv
        assert len(expected) >= 3 or metric in ("zero_amount_won_deals", "imported_deals")


@pytest.mark.parametrize("metric", [name for name in FIGURES if name not in STANDING])
def test_by_fiscal_quarter(asked: tuple[Any, Any], metric: str) -> None:
    mf, connection = asked
    table, figure = FIGURES[metric]
    plain = f"""select d.fiscal_quarter_key, {figure} from marts.{table} t
                join marts.dim_months d on d.month = t.{MONTH[table]} where {ONLY.get(table, "true")} group by 1"""
    found = answer(connection, sql(mf, [metric], ["metric_time__fiscal_quarter"]))
    assert found == pytest.approx(answer(connection, plain), rel=1e-9)


@pytest.mark.parametrize("column", ["team", "team_now", "deal_type", "original_source", "pipeline_key"])
def test_by_what_sales_are_split_by(asked: tuple[Any, Any], column: str) -> None:
    mf, connection = asked
    names = {"team": "team_key"}
    for metric in ("won_amount", "win_rate", "average_deal_size"):
        plain = f"select {names.get(column, column)}, {FIGURES[metric][1]} from marts.{SALES} group by 1"
        found = answer(connection, sql(mf, [metric], [f"sales_row__{column}"]))
        expected = answer(connection, plain)
        assert found == pytest.approx(expected, rel=1e-9)
        assert len(expected) >= 2


def test_what_stands_at_a_month_end_is_that_of_the_last_month(asked: tuple[Any, Any]) -> None:
    mf, connection = asked
    [(found,)] = connection.execute(sql(mf, ["open_opportunities"])).fetchall()
    [(now,)] = connection.execute("select count(*) from marts.dim_deals where is_open and not is_deleted").fetchall()
    assert found == now > 10


def test_saved_queries_answer(asked: tuple[Any, Any]) -> None:
    mf, connection = asked
    for name, least in (
        ("sales_by_month", 3), ("sales_by_team", 6), ("sales_by_fiscal_quarter", 2), ("sources_by_month", 6),
        ("losses_by_reason", 6), ("quota_by_owner", 6),
    ):  # fmt: skip
        assert len(connection.execute(sql(mf, saved=name)).fetchall()) >= least, name


def test_ratios_are_the_kpi_marts(asked: tuple[Any, Any]) -> None:
    """mart_sales_kpis_monthly computes them on its own."""
    mf, connection = asked
    ratios = ("win_rate", "win_rate_value", "win_loss_ratio", "average_deal_size", "average_sales_cycle_days")
    for metric in (*ratios, *(f"new_business_{ratios[n]}" for n in (0, 3, 4))):
        plain = f"select month, {metric} from marts.mart_sales_kpis_monthly where is_rollup"
        found = answer(connection, sql(mf, [metric], ["metric_time__month"]))
        assert found == pytest.approx(answer(connection, plain), abs=0.005), metric

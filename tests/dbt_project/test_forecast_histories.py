"""What the forecast learns from, held against the marts of the same world: each month end, each win."""

import csv
from collections import Counter
from decimal import Decimal

import duckdb
import numpy as np
import pytest
from sales_world import AS_OF, RATE, fill
from whole import build, records

from forecasting.coded import coded
from forecasting.histories import WON, month_name, month_number
from forecasting.study import study
from forecasting.tables import read
from orchestration.backtest import backtest_warehouse
from orchestration.errors import WrongUse


@pytest.fixture(scope="module")
def con(dbt, compiled):
    with build(compiled, dbt.target, fill, AS_OF) as connection:
        yield connection


@pytest.fixture(scope="module")
def warehouse(con):
    return read(*coded(con.query("from intermediate.int_forecast_histories")), np.datetime64(AS_OF.rstrip("Z"), "us"))


def test_the_panel_is_the_open_pipeline_at_each_month_end(con, warehouse):
    """Deals being delivered after a win are open to the pipeline and won to the forecast: left out on both sides."""
    last = month_number(AS_OF[:7]) - 1
    s = study(warehouse.by_pipeline, last)
    ours = {}
    for i in range(len(s.panel)):
        deal = warehouse.deals[s.spells.deal[s.panel.spell[i]]]
        amount = None if np.isnan(s.panel.amount[i]) else round(float(s.panel.amount[i]), 2)
        due = None if s.panel.due[i] < -1000 else month_name(int(s.panel.month[i] + s.panel.due[i]))
        pipeline = s.histories.segments[s.panel.segment[i]]
        ours[month_name(int(s.panel.month[i])), deal] = (pipeline, amount, due, round(float(s.panel.days[i]), 6))
    theirs = {}
    for row in records(con, "marts.fct_pipeline_month_end"):
        if row["stage_category"] == "fulfilment":
            continue
        rate = Decimal(str(RATE[row["currency"] or "EUR"][1]))
        amount = None if row["amount"] is None else round(float(row["amount"] * rate), 2)
        due = row["close_date"] and f"{row['close_date']:%Y-%m}"
        key = f"{row['month_end']:%Y-%m}", row["deal_key"]
        theirs[key] = (row["pipeline_key"], amount, due, round(row["days_in_stage"], 6))
    assert len(theirs) > 500
    assert len({amount for _, amount, *_ in theirs.values()}) > 15
    assert ours == theirs


def test_wins_that_stand_are_the_won_revenue(con, warehouse):
    """Those of deals that were not deleted; by month and to the cent (all currencies of the world have a plan rate)."""
    s = study(warehouse.by_pipeline, month_number(AS_OF[:7])).spells
    won = (s.end_kind == WON) & s.stands
    ours = Counter()
    for deal, month, value in zip(s.deal[won], s.revenue_month[won], s.value[won], strict=True):
        ours[warehouse.deals[deal], month_name(int(month))] += round(float(value), 2)
    theirs = Counter()
    for row in records(con, "marts.fct_won_revenue"):
        if not row["is_reversed"]:
            rate = Decimal(str(RATE[row["currency"] or "EUR"][1]))
            amount = round(float((row["amount"] or 0) * rate), 2)
            theirs[row["deal_key"], f"{row['won_month']:%Y-%m}"] += amount
    assert len(theirs) > 60
    assert dict(ours) == dict(theirs)


def read_in_july(con):
    """The histories as they stood at July's end."""
    histories = con.query("from intermediate.int_forecast_histories where happened_at < '2026-08-01'")
    return read(*coded(histories), np.datetime64("2026-08-01", "us")).by_pipeline


def test_the_warehouse_is_judged_like_a_file(con, tmp_path):
    path = tmp_path / "warehouse.duckdb"
    con.execute(f"attach '{path}' as kept; create schema kept.intermediate")
    for name in ("int_forecast_histories", "int_forecast_clock"):
        con.execute(f"create table kept.intermediate.{name} as from intermediate.{name}")
    con.execute("detach kept")
    found = backtest_warehouse(path, tmp_path / "out", "2026-06:2026-08")
    assert found.origins == ("2026-06", "2026-07", "2026-08")
    judged = list(csv.DictReader((tmp_path / "out" / "forecast_accuracy_monthly.csv").open()))
    naive = {(r["as_of_month_end"], r["target_month"]): float(r["forecast"]) for r in judged if r["method"] == "naive"}
    july = study(read_in_july(con), month_number("2026-07")).spells
    won = july.value[(july.end_kind == WON) & (july.revenue_month == month_number("2026-07"))].sum()
    assert naive["2026-07-31", "2026-08-01"] == pytest.approx(won) != 0
    assert {target for origin, target in naive if origin == "2026-08-31"} == {"2026-09-01"}  # October still runs
    empty = tmp_path / "empty.duckdb"
    duckdb.connect(str(empty)).close()
    with pytest.raises(WrongUse, match="no histories yet"):
        backtest_warehouse(empty, tmp_path / "out2")


def test_the_running_month_is_judged_on_the_same_day_of_earlier_months(con):
    """Horizon 0 is the month it was made in; what came is what every other method is judged against."""
    rows = records(con, "marts.forecast_accuracy_monthly where method = 'funnel_current'")
    naive = records(con, "marts.forecast_accuracy_monthly where method = 'naive'")
    actual = {row["target_month"]: row["actual"] for row in naive}
    made = Counter(f"{row['as_of_month_end']:%Y-%m}" for row in rows)
    assert made == {f"2026-0{month}": 10 - month for month in range(2, 10)}  # through September, the last whole month
    for row in rows:
        assert month_number(f"{row['target_month']:%Y-%m}") == (
            month_number(f"{row['as_of_month_end']:%Y-%m}") + row["horizon_months"]
        )
        assert row["actual"] == actual[row["target_month"]]
        assert row["error"] == row["forecast"] - row["actual"]
    assert {row["is_covered"] for row in rows} == {True, False}

"""What the forecast learns from, held against the marts of the same world: each month end, each win."""

import csv
from collections import Counter
from datetime import date
from decimal import Decimal

import duckdb
import numpy as np
import pytest
from chain import create
from raw import set_as_of
from sales_world import AS_OF, RATE, fill
from whole import build, records

from forecasting.backtest import vintage_rows
from forecasting.coded import coded
from forecasting.histories import WON, month_name, month_number
from forecasting.study import study
from forecasting.tables import read
from orchestration.backtest import backtest_warehouse
from orchestration.errors import WrongUse
from orchestration.vintages import PARTS


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


def test_amounts_of_their_own_currency_are_beside_those_that_are_converted(con):
    rows = con.query("select currency_key, native_amount, amount from intermediate.int_forecast_histories").fetchall()
    assert {currency for currency, *_ in rows} >= {"EUR", "USD"}
    for currency, native, amount in rows:
        assert amount == (None if native is None else pytest.approx(native * float(RATE[currency][1]), abs=0.006))


REMADE = ("int_forecast_clock", "int_forecast_histories", "int_forecast", "forecast_monthly", "forecast_deal_months",
          "forecast_bridge")  # fmt: skip


def test_the_bridge_starts_from_the_vintage_that_was_frozen(con, compiled):
    """August is frozen, with a tenth more than it said and one deal a hundredfold; September's bridge is from there."""

    def remake(as_of):
        set_as_of(con, as_of)
        for model in REMADE:
            create(con, f"{'intermediate' if model.startswith('int') else 'marts'}.{model}", compiled[model])

    remake("2026-09-08T00:00:00Z")
    deal = con.execute("""select deal_key from marts.forecast_deal_months where amount_reporting > 0
        group by 1 order by sum(expected_amount) desc limit 1""").fetchone()[0]  # fmt: skip
    for table in ("frozen_forecasts", "frozen_deal_months"):
        rows = PARTS[table].replace("$month", "date '2026-08-01'")
        con.execute(f"insert into meta.{table} by name {rows}")
    assert con.execute("select count(*), count(currency) from meta.frozen_deal_months").fetchone()[0] > 50
    con.execute("""insert into meta.frozen_vintages select '2026-08-31', 1, 'f', 's', '2026-09-08', '2026-09-08', 'Ada',
        false, 'landmark-1', 'c', true""")  # fmt: skip
    con.execute("update meta.frozen_forecasts set expected_revenue = 1.1 * expected_revenue where segment = 'all'")
    con.execute("update meta.frozen_deal_months set amount_reporting = 100 * amount_reporting, amount = 100 * amount,"
                " expected_amount = 100 * expected_amount where deal_key = ?", [deal])  # fmt: skip
    try:
        remake(AS_OF)
        broken = con.execute(f"from ({compiled['assert_forecast_adds_up']}) where rule = 'bridge'").fetchall()
        assert broken == []
        told = """select cause, sum(amount)::double from marts.forecast_bridge
            where as_of_month_end = '2026-09-30' and deal_key = ? group by 1"""
        causes = dict(con.execute(told, [deal]).fetchall())
        assert min(causes, key=causes.get) in ("amount", "won", "lost")
        con.execute("update marts.forecast_bridge set amount = amount + 0.01 where deal_key = ?", [deal])
        assert con.execute(f"from ({compiled['assert_forecast_adds_up']}) where rule = 'bridge'").fetchall()
    finally:
        for table in ("frozen_forecasts", "frozen_deal_months", "frozen_vintages"):
            con.execute(f"delete from meta.{table}")
        remake(AS_OF)


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


def test_a_future_planted_in_current_fields_is_in_no_vintage_of_before(con, compiled):
    """Objects as they are now, and all that happened from August on, are made up: July's vintage must not see it."""

    def july_and_august():
        w = read(*coded(con.query("from intermediate.int_forecast_histories")), np.datetime64("2026-10-01", "us"))
        s = study(w.by_pipeline, month_number("2026-09"))
        rows = vintage_rows(s, month_number("2026-07"), "pipeline", {})
        return [(r.component, r.segment, r.horizon, r.expected, r.p10, r.p90, r.crm_weighted) for r in rows], (
            s.wins.value[s.wins.revenue_month >= month_number("2026-08")].sum()
        )

    said, came = july_and_august()
    con.execute("begin")
    try:
        con.execute("""update intermediate.int_deals set amount = 999999, currency = 'USD', owner_key = null,
            close_date_at = '2026-08-15', stage_key = (select min(stage_key) from marts.dim_stages where is_won)""")
        con.execute("""update intermediate.int_deal_states set amount = 999999, close_date_at = '2026-09-15',
            owner_key = null where valid_from >= '2026-08-02'""")
        con.execute("""insert into intermediate.int_deal_states by name
            select * replace (timestamptz '2026-08-02' as valid_from, 999999 as amount, null as owner_key)
            from intermediate.int_deal_states where valid_to is null and valid_from < '2026-08-02'""")
        con.execute("""insert into marts.fct_stage_transitions by name
            select deal_key, source, timestamptz '2026-08-03' as entered_at, 999 as visit_number, pipeline_key,
                (select min(stage_key) from marts.dim_stages where is_won) as to_stage_key
            from intermediate.int_deals where deal_key in (select deal_key from marts.fct_stage_transitions)""")
        create(con, "intermediate.int_forecast_histories", compiled["int_forecast_histories"])
        planted, then = july_and_august()
    finally:
        con.execute("rollback")
    assert then > 50 * abs(came)
    assert len(planted) == len(said) > 9 * 4
    for ours, theirs in zip(said, planted, strict=True):
        assert ours[:3] == theirs[:3]
        assert theirs[3:] == pytest.approx(ours[3:], rel=1e-9, nan_ok=True)


def test_what_people_said_is_judged_beside_the_forecast_and_never_changes_it(con, compiled):
    """The CRM's commit: booked and committed deals by close date; management: the last row in time, amount or delta."""
    before = [r for r in records(con, "marts.forecast_accuracy_monthly") if r["method"] == "funnel"]
    con.execute("begin")
    con.execute(
        "update marts.fct_pipeline_month_end set forecast_category = if(hash(deal_key) % 2 = 0, 'COMMIT', 'OMIT')"
    )
    con.execute("update marts.fct_pipeline_month_end set forecast_category = null where month_end = '2026-05-31'")
    con.execute(
        """insert into meta.forecast_adjustments
           select * exclude (n), 'why', 'Ada', '2026-07-01', now(), n < 4 from (values
               (1, date '2026-06-30', date '2026-07-01', 'all', 'all', 5000, null, 1),
               (2, date '2026-06-30', date '2026-07-01', 'all', 'all', 6000, null, 2),
               (3, date '2026-06-30', date '2026-08-01', 'all', 'all', null, -100.5, 3),
               (4, date '2026-06-30', date '2026-07-01', 'all', 'all', 7000, null, 4))
           t(row_number, as_of_month_end, target_month, segment_type, segment, amount, delta, n)"""
    )
    create(con, "marts.judged", compiled["forecast_accuracy_monthly"])
    rows, months = records(con, "marts.judged"), records(con, "marts.fct_pipeline_month_end")
    con.execute("rollback")
    assert sorted(map(repr, before)) == sorted(repr(r) for r in rows if r["method"] == "funnel")
    totals = {
        (r["as_of_month_end"], r["target_month"]): r
        for r in before
        if r["segment_type"] == "all" and r["component"] == "total"
    }
    booked = {(r["as_of_month_end"], r["target_month"]): r["forecast"] for r in before
              if r["segment_type"] == "all" and r["component"] == "booked"}  # fmt: skip
    june = date(2026, 6, 30)
    said = {r["target_month"]: r for r in rows if r["method"] == "management"}
    assert {month: r["forecast"] for month, r in said.items()} == {
        date(2026, 7, 1): Decimal("6000.00"),
        date(2026, 8, 1): totals[june, date(2026, 8, 1)]["forecast"] - Decimal("100.50"),
    }
    commit = {(r["as_of_month_end"], r["target_month"]): r for r in rows if r["method"] == "crm_commit"}
    assert set(commit) == {key for key in totals if key[0] != date(2026, 5, 31)}
    expected = dict.fromkeys(commit, Decimal(0)) | {key: booked[key] for key in commit}
    for row in months:
        if row["forecast_category"] == "COMMIT" and row["close_date"] and row["stage_category"] != "fulfilment":
            key = row["month_end"], row["close_date"].replace(day=1)
            if key in expected:
                expected[key] += row["amount_reporting"] or 0
    assert {key: r["forecast"] for key, r in commit.items()} == expected
    assert any(expected[key] > booked[key] for key in expected)
    for row in [*said.values(), *commit.values()]:
        assert row["actual"] == totals[row["as_of_month_end"], row["target_month"]]["actual"]
        assert (row["error"], row["is_covered"]) == (row["forecast"] - row["actual"], None)


def tied_out(con, compiled, *lines):
    """{(month, pipeline, currency): (ledger, won, explained, unexplained, why)} for lines of ledger.csv."""
    con.execute("delete from meta.configured_ledger")
    for number, (month, amount, currency, pipeline) in enumerate(lines):
        con.execute("insert into meta.configured_ledger values (?, ?, ?, ?, ?)",
                    [number, f"2026-{month}-01", amount, currency, pipeline])  # fmt: skip
    create(con, "marts.tied", compiled["ledger_tie_out"])
    rows = records(con, "marts.tied")
    for row in rows:
        assert row["difference"] == row["ledger_amount"] - row["won_amount"]
        assert row["difference"] == row["explained_amount"] + row["unexplained_amount"]
    return {
        (f"{row['month']:%m}", row["pipeline_key"], row["currency"]): (
            row["ledger_amount"], row["won_amount"], row["explained_amount"], row["unexplained_amount"],
            row["explanation"],
        )
        for row in rows
    }  # fmt: skip


def test_the_ledger_is_held_against_the_wins(con, compiled):
    """Converted or by currency, by pipeline name; explained by undone wins or by restatements of a closed month."""
    wins = records(con, "marts.fct_won_revenue")

    def won(month, column="amount_reporting", undone=False, **where):
        return sum(
            (row[column] or 0 for row in wins
             if f"{row['won_month']:%Y-%m}" == f"2026-{month}" and row["is_reversed"] == undone
             and all((row[name] or "EUR") == value for name, value in where.items())), Decimal(0),
        )  # fmt: skip

    this_year = [row for row in wins if row["won_month"].year == 2026]
    undone = next(f"{row['won_month']:%m}" for row in this_year if row["is_reversed"] and (row["amount"] or 0) > 0)
    con.execute("begin")
    assert tied_out(con, compiled) == {}
    more = won(undone, undone=True)
    (row,) = tied_out(con, compiled, (undone, won(undone) + more + 10, "EUR", None)).values()
    assert row == (won(undone) + more + 10, won(undone), more, Decimal("10.00"), "wins undone later")
    (row,) = tied_out(con, compiled, (undone, won(undone) - 7, "EUR", None)).values()
    assert row == (won(undone) - 7, won(undone), 0, Decimal("-7.00"), None)
    both = tied_out(con, compiled, ("06", 100, "EUR", None), ("07", 50, "USD", None))
    assert {key: row[:2] for key, row in both.items()} == {
        (month, "all", currency): (said, won(month, "amount", currency=currency))
        for month, currency, said in (("06", "EUR", 100), ("06", "USD", 0), ("07", "EUR", 0), ("07", "USD", 50))
    }
    named = tied_out(con, compiled, ("06", 100, "EUR", "Renewals"), ("06", 5, "EUR", "Nobody's"))
    of_renewals = won("06", pipeline_key="hubspot:renewals")
    assert named["06", "hubspot:renewals", "EUR"][:2] == (100, of_renewals)
    assert named["06", "Nobody's", "EUR"] == (5, 0, 0, 5, None)
    assert named["06", "hubspot:default", "EUR"][:2] == (0, won("06") - of_renewals)
    con.execute("insert into meta.frozen_vintages (month_end, is_latest) values ('2026-06-30', true)")
    con.execute(
        """insert into meta.frozen_wins (month, deal_key, pipeline_key, amount, currency, amount_reporting)
           select won_month, deal_key, pipeline_key, amount, currency, amount_reporting from marts.fct_won_revenue
           where not is_reversed and won_month = '2026-06-01'
           union all select '2026-06-01', 'hubspot:gone', 'hubspot:default', 40, 'EUR', 40"""
    )
    (row,) = tied_out(con, compiled, ("06", won("06") + 30, "EUR", None)).values()
    assert row == (won("06") + 30, won("06"), 30, 0, "restated since the close")
    con.execute("rollback")

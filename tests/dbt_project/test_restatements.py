"""Each cause of a restatement once, in a month closed by hand: the amounts of a figure sum to its change."""

from collections import defaultdict
from decimal import Decimal

import duckdb
import pytest
from raw import make_tables

CUT_OFF = "2026-07-10 00:00+00"
BEFORE, AFTER = "2026-07-01 08:00+00", "2026-07-20 08:00+00"
WON_THEN = "2026-06-20 09:00+00"
LATER = "2026-07-15 09:00+00"
# deal: (amount, currency, value in euros, team); stage p:won, pipeline p
CLOSED = {
    "edited": (200, "EUR", 200, "T1"),
    "reopened": (300, "EUR", 300, "T1"),
    "merged": (400, "EUR", 400, "T1"),
    "deleted": (500, "EUR", 500, "T1"),
    "remapped": (600, "EUR", 600, "T1"),
    "dollars": (1000, "USD", 900, "T1"),
    "moved": (800, "EUR", 800, "T1"),
    "redated": (120, "EUR", 120, "T1"),
    "forgotten": (10, "EUR", 10, "T1"),
    "both": (100, "USD", "90.00", "T1"),
    "rateless": (70, "GBP", None, "T1"),
    "same": (1000, "EUR", 1000, "T1"),
}
# the same now, with the month and the instant of the win
NOW = {
    "edited": (250, "EUR", 250, "T1", "06", WON_THEN),
    "dollars": (1000, "USD", 950, "T1", "06", WON_THEN),
    "moved": (800, "EUR", 800, "T2", "06", WON_THEN),
    "redated": (120, "EUR", 120, "T1", "07", WON_THEN),
    "both": (110, "USD", "104.50", "T1", "06", WON_THEN),
    "rateless": (70, "GBP", "80.50", "T1", "06", WON_THEN),
    "same": (1000, "EUR", 1000, "T1", "06", WON_THEN),
    "late": (100, "EUR", 100, "T2", "06", LATER),
    "dated back": (90, "EUR", 90, "T1", "06", WON_THEN),
    "means won": (40, "EUR", 40, "T1", "06", WON_THEN),
    "swallowed": (5, "EUR", 5, "T1", "06", WON_THEN),
}
# (deal, field, effective, recorded)
EVENTS = [
    ("edited", "amount", WON_THEN, AFTER),
    ("reopened", "stage", LATER, AFTER),
    ("deleted", "deleted", LATER, AFTER),
    ("merged", "merged_into", LATER, AFTER),
    ("redated", "close_date", LATER, AFTER),
    ("late", "stage", LATER, AFTER),
    ("dated back", "stage", WON_THEN, AFTER),
    ("means won", "stage", WON_THEN, BEFORE),
    ("same", "close_date", LATER, AFTER),
]
EXPECTED = {
    ("edited", "amount_edit"): "50.00",
    ("reopened", "reopened"): "-300.00",
    ("merged", "merged"): "-400.00",
    ("swallowed", "merged"): "5.00",
    ("deleted", "deleted"): "-500.00",
    ("remapped", "stage_remap"): "-600.00",
    ("means won", "stage_remap"): "40.00",
    ("dollars", "fx"): "50.00",
    ("rateless", "fx"): "80.50",
    ("both", "amount_edit"): "9.00",
    ("both", "fx"): "5.50",
    ("redated", "backdated"): "-120.00",
    ("dated back", "backdated"): "90.00",
    ("late", "late_close"): "100.00",
    ("forgotten", "code_version"): "-10.00",
}


def stage_of(deal: str) -> str:
    return {"remapped": "p:delivered", "means won": "p:signed"}.get(deal, "p:won")


@pytest.fixture(scope="module")
def con(compiled) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("attach ':memory:' as warehouse; use warehouse; set TimeZone = 'UTC'")
    con.execute("create schema intermediate; create schema marts")
    make_tables(con)
    con.execute(
        "insert into meta.frozen_vintages values ('2026-06-30', 1, 'f', 's', ?, ?, 'Ada', false, 'm', 'c', true)",
        [CUT_OFF, CUT_OFF],
    )
    con.execute("insert into meta.frozen_won_stages values ('2026-06-01', 'p:won'), ('2026-06-01', 'p:delivered')")
    for deal, (amount, currency, value, team) in CLOSED.items():
        con.execute(
            "insert into meta.frozen_wins values ('2026-06-01', ?, ?, 'p', ?, ?, ?, ?, ?)",
            [deal, stage_of(deal), team, amount, currency, value, WON_THEN],
        )
    con.execute(
        """create table marts.fct_won_revenue (deal_key varchar, won_month date, won_at timestamptz,
            pipeline_key varchar, team_key varchar, amount decimal(18, 2), currency varchar,
            amount_reporting decimal(18, 2),
            is_reversed boolean);
        create table marts.fct_stage_transitions (deal_key varchar, entered_at timestamptz, visit_number integer,
            to_stage_key varchar);
        create table marts.dim_stages as from (values ('p:won', 'won'), ('p:signed', 'won'), ('p:delivered', 'closing'))
            t(stage_key, stage_category);
        create table marts.dim_deals (deal_key varchar, merged_into_deal_key varchar, is_deleted boolean);
        create table marts.fct_deal_events (deal_key varchar, field varchar, effective_at timestamptz,
            recorded_at timestamptz)"""
    )
    for deal in CLOSED.keys() | NOW.keys():
        merged = "swallowed" if deal == "merged" else None
        con.execute("insert into marts.dim_deals values (?, ?, ?)", [deal, merged, deal in ("merged", "deleted")])
    for deal, (amount, currency, value, team, month, won_at) in NOW.items():
        row = [deal, f"2026-{month}-01", won_at, team, amount, currency, value]
        con.execute("insert into marts.fct_won_revenue values (?, ?, ?, 'p', ?, ?, ?, ?, false)", row)
        con.execute("insert into marts.fct_stage_transitions values (?, ?, 2, ?)", [deal, won_at, stage_of(deal)])
    con.execute(
        "insert into marts.fct_won_revenue values ('reopened', '2026-06-01', ?, 'p', 'T1', 300, 'EUR', 300, true)",
        [WON_THEN],
    )
    con.executemany("insert into marts.fct_deal_events values (?, ?, ?, ?)", EVENTS)
    con.execute(f"create table intermediate.int_restated_deals as {compiled['int_restated_deals']}")
    con.execute(f"create table marts.forecast_restatements as {compiled['forecast_restatements']}")
    return con


def test_each_cause_is_found_for_the_deal_it_was_made_for(con):
    rows = con.execute(
        "select deal_key, cause, amount from marts.forecast_restatements where segment_type = 'all'"
    ).fetchall()
    assert {(deal, cause): str(amount) for deal, cause, amount in rows} == EXPECTED


def test_a_deal_whose_owner_changed_team_moves_between_teams_and_not_in_the_company(con):
    rows = con.execute(
        """select segment_type, segment, cause, old_value, new_value from marts.forecast_restatements
           where deal_key = 'moved' order by all"""
    ).fetchall()
    assert [(*row[:3], *map(int, row[3:])) for row in rows] == [
        ("team", "T1", "owner_move", 800, 0), ("team", "T2", "owner_move", 0, 800),
    ]  # fmt: skip


def test_the_causes_of_a_figure_sum_to_its_change(con):
    changes = defaultdict(Decimal)
    for _, (_, _, value, team) in CLOSED.items():
        for segment in ("all|all", "pipeline|p", f"team|{team}"):
            changes[segment] -= Decimal(value or 0)
    for _, (_, _, value, team, month, _) in NOW.items():
        for segment in ("all|all", "pipeline|p", f"team|{team}") if month == "06" else ():
            changes[segment] += Decimal(value)
    told = dict(con.execute("select key, sum(amount) from marts.forecast_restatements group by 1").fetchall())
    assert told == changes
    assert told["all|all"] == sum(map(Decimal, EXPECTED.values()))


def test_what_a_deal_was_worth_goes_from_cause_to_cause(con):
    rows = con.execute(
        """select cause, old_value, new_value from marts.forecast_restatements
           where deal_key = 'both' and segment_type = 'team' order by cause"""
    ).fetchall()
    assert [(cause, str(old), str(new)) for cause, old, new in rows] == [
        ("amount_edit", "90.00", "99.00"), ("fx", "99.00", "104.50"),
    ]  # fmt: skip

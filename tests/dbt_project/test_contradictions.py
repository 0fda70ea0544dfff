"""What the CRM says and cannot be so is counted by kind (check crm_records_contradict), a row a connection."""

import duckdb
import pytest

TABLES = """
    create schema marts;
    create table marts.dim_pipelines as from (values
        ('h:p', false), ('h:gone', true), ('h:unknown', true)) t(pipeline_key, is_retired);
    create table marts.dim_stages as from (values
        ('h:p:a', 'h', 0.1, true, false), ('h:p:b', 'h', null, true, false), ('h:p:empty', 'h', null, true, false),
        ('h:p:old', 'h', null, true, true), ('h:p:won', 'h', null, false, false)
    ) t(stage_key, source, probability, is_open, is_retired);
    create table marts.dim_deals (deal_key varchar, source varchar, pipeline_key varchar, stage_key varchar,
        outcome varchar, is_open boolean, is_deleted boolean, created_at timestamptz, closed_at timestamptz,
        close_date date);
    create table marts.dim_leads (lead_key varchar, source varchar, created_at timestamptz, converted_at timestamptz,
        is_deleted boolean)"""
MAY = "2026-05-10 12:00:00+00"


@pytest.fixture
def con(compiled):
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as warehouse; use warehouse; set TimeZone = 'UTC'")
        connection.execute(TABLES)
        yield connection


def found(con, compiled):
    return con.execute(compiled["crm_records_contradict"]).fetchall()


def put(con, key, pipeline="h:p", stage="h:p:a", outcome="open", deleted=False, closed_at=None, close_date=None):
    values = [key, "h", pipeline, stage, outcome, outcome == "open", deleted, MAY, closed_at, close_date]
    con.execute("insert into marts.dim_deals values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)


def test_each_kind_is_counted_and_what_is_right_is_not(con, compiled):
    put(con, "h:1")
    put(con, "h:2", stage="h:p:won", outcome="won", closed_at=MAY, close_date="2026-05-10")
    # an open deal's close date is a plan; deleted deals and a retired stage's probability tell nothing
    put(con, "h:3", close_date="2020-01-01")
    put(con, "h:4", pipeline="h:gone", deleted=True)
    put(con, "h:5", stage="h:p:old")
    put(con, "h:6", pipeline="h:gone", stage="h:gone:a", outcome="lost", closed_at=MAY, close_date="2026-05-11")
    con.execute(
        f"insert into marts.dim_leads values ('h:l', 'h', '{MAY}', '{MAY}', false), ('h:m', 'h', '{MAY}', null, false)"
    )
    assert found(con, compiled) == []

    put(con, "h:11", pipeline="h:unknown", stage="h:unknown:x")
    put(con, "h:12", pipeline="h:gone", stage="h:gone:a")
    put(con, "h:13", stage="h:p:b")
    put(con, "h:14", stage="h:p:b")
    put(con, "h:15", outcome="won", stage="h:p:won", closed_at="2026-05-10 11:59:59+00", close_date="2026-06-01")
    put(con, "h:16", outcome="lost", closed_at=MAY, close_date="2026-05-09")
    con.execute(f"insert into marts.dim_leads values ('h:n', 'h', '{MAY}', '2026-05-10 11:00:00+00', false)")
    assert found(con, compiled) == [
        ("a deal before it was a lead", "h", 1, "h:n"),
        ("closed before it was created", "h", 2, "h:15 h:16"),
        ("the open stage has no probability", "h", 1, "h:p:b"),
        ("the pipeline was deleted, open deals are still in it", "h", 1, "h:12"),
        ("the stage is in no pipeline", "h", 1, "h:11"),
    ]

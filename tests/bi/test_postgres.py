"""Publications in a real Postgres: every value, comments and grants, and readers who never see two of them mixed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.settings import Secret, load_settings
from orchestration import postgres as target
from orchestration.errors import TargetFailed
from tests.bi.server import postgres

psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed (pip install 'psycopg[binary]')")
NASTY = 'a "quoted", \\N\nline; 日本 \u0000end'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgres(tmp_path_factory.mktemp("postgres")) as address:
        yield address


@pytest.fixture
def address(server: str) -> str:
    with psycopg.connect(server, autocommit=True) as connection:
        for (name,) in connection.execute("select nspname from pg_namespace where nspname like 'funnel%'").fetchall():
            connection.execute(f"drop schema {name} cascade")
        connection.execute("drop view if exists mine")
    return server


def publication(folder: Path, number: int, rows: int = 3) -> Path:
    """A publication whose every row bears its number."""
    made = folder / f"{number}"
    made.mkdir()
    with duckdb.connect(str(made / "funnel.duckdb")) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("create schema marts; create schema meta")
        connection.execute(
            """create table marts.dim_deals (deal_key varchar, amount decimal(18, 2), share double, n ubigint,
               is_won boolean, day date, seen_at timestamptz, tags varchar[], nothing varchar)"""
        )
        connection.execute("comment on column marts.dim_deals.amount is 'Owner''s amount'")
        connection.execute(
            f"""insert into marts.dim_deals select case when i = 0 then $1 else 'h:' || i end, {number} + 0.01,
                0.1::double + 0.2::double, 1, i % 2 = 0, date '2026-02-28',
                timestamptz '2026-03-29 01:30:00.123456+00', ['x', 'y"z'], null from range({rows}) as t(i)""",
            [NASTY],
        )
        connection.execute(f"create table marts.fct_wins as select {number} as number from range({rows})")
        connection.execute(f"create table meta.table_guide as select {number} as number")
    manifest = {"id": f"p{number}", "as_of": "2026-06-30T20:00:00+00:00"}
    (made / "manifest.json").write_text(json.dumps(manifest))
    return made


def rows(address: str, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(address) as connection:
        return list(connection.execute(sql).fetchall())


def test_every_value_arrives_with_its_type(tmp_path: Path, address: str) -> None:
    assert target.send(publication(tmp_path, 1), Secret(address)) == "sent"
    found = rows(address, "select * from funnel_marts.dim_deals order by n, deal_key")
    assert len(found) == 3
    assert found[0] == (
        NASTY.replace("\u0000", ""), Decimal("1.01"), 0.1 + 0.2, Decimal(1), True, date(2026, 2, 28),
        datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC), ["x", 'y"z'], None,
    )  # fmt: skip
    types = rows(address, """select format_type(atttypid, atttypmod) from pg_attribute
        where attrelid = 'funnel_marts.dim_deals'::regclass and attnum in (2, 8) order by attnum""")  # fmt: skip
    assert types == [("numeric(18,2)",), ("jsonb",)]
    assert rows(address, "select col_description('funnel_marts.dim_deals'::regclass, 2)") == [("Owner's amount",)]
    assert rows(address, "select id from funnel_meta.publication") == [("p1",)]
    assert target.send(tmp_path / "1", Secret(address)) == "unchanged"


def test_grants_outlive_the_switch_and_a_view_keeps_what_it_reads(tmp_path: Path, address: str) -> None:
    target.send(publication(tmp_path, 1), Secret(address))
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("drop role if exists analyst")
        connection.execute("create role analyst")
        connection.execute("grant usage on schema funnel_marts to analyst")
        connection.execute("grant select on funnel_marts.fct_wins to analyst")
        connection.execute("grant select on funnel_meta.table_guide to public")
        connection.execute("create view mine as select number from funnel_marts.fct_wins")
    target.send(publication(tmp_path, 2), Secret(address))
    may = """select has_schema_privilege(%s, 'funnel_marts', 'usage'),
             has_table_privilege(%s, 'funnel_marts.fct_wins', 'select'),
             has_table_privilege(%s, 'funnel_marts.dim_deals', 'select')"""
    with psycopg.connect(address) as connection:
        assert connection.execute(may, ["analyst"] * 3).fetchall() == [(True, True, False)]
        assert connection.execute(may, ["funnel_reader"] * 3).fetchall() == [(True, True, True)]
        guide = "select has_table_privilege('analyst', 'funnel_meta.table_guide', 'select')"
        assert connection.execute(guide).fetchall() == [(True,)], "what is granted to all"
        assert connection.execute("select distinct number from funnel_marts.fct_wins").fetchall() == [(2,)]
        assert connection.execute("select distinct number from mine").fetchall() == [(1,)]
        kept = connection.execute("select nspname from pg_namespace where nspname like '%former%'").fetchall()
    assert [name.startswith("funnel_marts__former_") for (name,) in kept] == [True]
    target.send(publication(tmp_path, 3), Secret(address))
    left = rows(address, "select count(*) from pg_namespace where nspname ~ '^funnel' and nspname !~ 'former'")
    assert left == [(2,)]


def test_a_reader_sees_one_publication_whole_through_every_switch(tmp_path: Path, address: str) -> None:
    target.send(publication(tmp_path, 0), Secret(address))
    done, errors, seen = threading.Event(), [], set()

    def read() -> None:
        sql = """select (select min(floor(amount)) from funnel_marts.dim_deals),
                 (select max(number) from funnel_marts.fct_wins),
                 (select number from funnel_meta.table_guide)"""
        with psycopg.connect(address, autocommit=True) as connection:
            while not done.is_set():
                try:
                    deals, wins, guide = connection.execute(sql).fetchall()[0]
                    seen.add(int(deals))
                    if not deals == wins == guide:
                        errors.append(f"{deals} {wins} {guide}")
                except psycopg.Error as error:
                    errors.append(repr(error))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(1, 9):
        assert target.send(publication(tmp_path, number), Secret(address)) == "sent"
    done.set()
    for reader in readers:
        reader.join()
    assert errors == []
    assert len(seen) > 3


def test_what_stood_stands_where_sending_fails_and_no_secret_is_told(tmp_path: Path, address: str) -> None:
    target.send(publication(tmp_path, 1), Secret(address))
    broken = publication(tmp_path, 2)
    with duckdb.connect(str(broken / "funnel.duckdb")) as connection:
        connection.execute('create table marts.zz as select \'x\'::varchar as "a""b"')
    with pytest.raises(TargetFailed, match="publication p2"):
        target.send(broken, Secret(address))
    assert rows(address, "select distinct number from funnel_marts.fct_wins") == [(1,)]
    nobody = address.replace("owner@", "nobody:hunter2secret@").replace("127.0.0.1:", "127.0.0.1:1")
    with pytest.raises(TargetFailed) as told:
        target.send(broken, Secret(nobody))
    assert "hunter2secret" not in str(told.value)
    assert "docs/runbooks/postgres-behind.md" in str(told.value)


def test_it_is_off_unless_asked_for(tmp_path: Path) -> None:
    assert target.send_current(load_settings({}, tmp_path)) == "off"

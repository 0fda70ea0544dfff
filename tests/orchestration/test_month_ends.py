"""meta.month_end_changes: month ends that moved, with their deals, and whether the source's history did it."""

from __future__ import annotations

from datetime import date, timedelta

import duckdb
import pytest

from ingestion.settings import Settings
from orchestration import warehouse
from orchestration.publish import publish
from orchestration.session import Session
from tests.orchestration.conftest import AS_OF, fill, session_of

JANUARY, FEBRUARY, MARCH = date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31)


def row(deal: str, month_end: date, **told: object) -> dict[str, object]:
    stands = {"pipeline_key": "h:p", "stage_key": "h:p:a", "owner_key": "h:7", "amount": 100, "currency": "EUR"}
    return {"month_end": month_end, "deal_key": deal, "amount_reporting": 90, **stands, **told}


def tables(session: Session, rows: list[dict[str, object]], events: list[tuple], complete: list[date]) -> None:
    """Month ends, the ledger as (event_key, deal_key, field, effective_at), and which months are over."""
    with warehouse.connect(session.path) as connection:
        connection.execute(
            """create schema if not exists intermediate;
            create or replace table marts.fct_pipeline_month_end (month_end date, deal_key varchar,
                pipeline_key varchar, stage_key varchar, owner_key varchar, amount decimal(18, 2), currency varchar,
                close_date date, forecast_category varchar, amount_reporting decimal(18, 2));
            create or replace table marts.fct_deal_events (event_key varchar, deal_key varchar, field varchar,
                effective_at timestamptz);
            create or replace table marts.mart_sales_kpis_monthly (month_end date, is_complete_month boolean);
            create or replace table intermediate.int_months (month_end date, ends_at timestamptz)"""
        )
        for given in rows:
            names = ", ".join(given)
            marks = ", ".join("?" * len(given))
            connection.execute(
                f"insert into marts.fct_pipeline_month_end ({names}) values ({marks})", list(given.values())
            )
        for event in events:
            connection.execute("insert into marts.fct_deal_events values (?, ?, ?, ?)", list(event))
        for month_end in complete:
            connection.execute("insert into marts.mart_sales_kpis_monthly values (?, true)", [month_end])
            ends = f"{month_end + timedelta(days=1)} 00:00:00+00"
            connection.execute("insert into intermediate.int_months values (?, ?)", [month_end, ends])


def published(settings: Settings, number: int, *given: list) -> tuple[dict, list[tuple]]:
    """(manifest, rows of meta.month_end_changes) of one publication over these tables."""
    session = session_of(settings, f"{number:08d}-run", AS_OF + timedelta(days=number))
    fill(session, number)
    if given:
        tables(session, *given)
    manifest = publish(session)
    file = settings.published / "releases" / manifest["id"] / "funnel.duckdb"
    with duckdb.connect(str(file), read_only=True) as connection:
        return manifest, connection.execute("from meta.month_end_changes order by all").fetchall()


FIRST = [row(f"h:{n}", month) for n in range(1, 8) for month in (JANUARY, FEBRUARY)]
EVENTS = [(f"e{n}", f"h:{n}", "stage", "2026-01-05 00:00:00+00") for n in range(1, 8)]


def test_changes_are_named_with_their_cause(settings: Settings) -> None:
    first, nothing = published(settings, 1, FIRST, EVENTS, [JANUARY, FEBRUARY])
    assert nothing == []
    later = [given for given in FIRST if given["deal_key"] not in ("h:1", "h:2", "h:3")]
    later += [row("h:1", JANUARY, amount=120), row("h:1", FEBRUARY)]  # backdated, within January alone
    later += [row("h:2", JANUARY, owner_key=None, stage_key="h:p:b"), row("h:2", FEBRUARY)]  # and no event of it
    later += [row("h:3", JANUARY)]  # merged away in March: its February is gone
    later += [row("h:8", FEBRUARY)]  # read for the first time, an event of January
    later += [row(f"h:{n}", MARCH) for n in range(1, 9)]  # a month end that is new
    later = [given | {"amount_reporting": 1} for given in later]  # another exchange rate is none of it
    events = [*EVENTS, ("b1", "h:1", "amount", "2026-01-10 00:00:00+00"),
              ("b2", "h:1", "amount", "2026-02-01 00:00:00+00"), ("b3", "h:2", "stage", "2026-03-01 00:00:00+00"),
              ("b4", "h:3", "merged_into", "2026-03-20 00:00:00+00"),
              ("b5", "h:8", "stage", "2026-02-01 00:00:00+00")]  # fmt: skip
    _, changes = published(settings, 2, later, events, [JANUARY, FEBRUARY, MARCH])
    assert changes == [
        (JANUARY, "h:1", "changed", "amount", "source history", 1, first["id"]),
        (JANUARY, "h:2", "changed", "stage_key, owner_key", "configuration or code", 0, first["id"]),
        (FEBRUARY, "h:3", "removed", None, "source history", 1, first["id"]),
        (FEBRUARY, "h:8", "added", None, "source history", 1, first["id"]),
    ]
    _, after = published(settings, 3, later, events, [JANUARY, FEBRUARY, MARCH])
    assert after == []


def test_an_event_that_is_gone_counts_too(settings: Settings) -> None:
    first, _ = published(settings, 1, FIRST, EVENTS, [JANUARY, FEBRUARY])
    without = [given for given in FIRST if given["deal_key"] != "h:5"]
    _, changes = published(settings, 2, without, EVENTS[:4] + EVENTS[5:], [JANUARY, FEBRUARY])
    assert [(*change[:3], *change[4:]) for change in changes] == [
        (month, "h:5", "removed", "source history", 1, first["id"]) for month in (JANUARY, FEBRUARY)
    ]


@pytest.mark.parametrize("given", [(), (FIRST, EVENTS, [JANUARY, FEBRUARY])], ids=["no table", "first publication"])
def test_with_nothing_to_compare_it_is_empty(settings: Settings, given: tuple) -> None:
    assert published(settings, 1, *given)[1] == []
    if not given:
        assert published(settings, 2, FIRST, EVENTS, [JANUARY, FEBRUARY])[1] == []

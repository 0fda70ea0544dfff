"""A settings object over a temporary FUNNEL_HOME, and a small warehouse that looks audited."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from expectations.gate import guards
from ingestion.config import Config
from ingestion.settings import Connection, Secret, Settings
from orchestration import warehouse
from orchestration.home import Home
from orchestration.ledger import Check, record_checks
from orchestration.session import Request, Session

AS_OF = datetime(2026, 4, 10, tzinfo=UTC)


def settings_of(home: Path, *names: str, keep: int = 3) -> Settings:
    """Settings with HubSpot connections of these names (nothing listens at their address)."""
    connections = tuple(
        Connection(name, "hubspot", "http://127.0.0.1:9", {"ACCESS_TOKEN": Secret("pat-secret")}) for name in names
    )
    return Settings(home, connections, Config(), Secret("key"), keep)


def session_of(settings: Settings, run_id: str = "run-1", as_of: datetime = AS_OF, **request: object) -> Session:
    return Session(Request(**request), settings, run_id, as_of, AS_OF, say=lambda text: None)  # type: ignore[arg-type]


def fill(session: Session, value: int, rows: int = 50) -> None:
    """Marts in which every row carries `value`, and the traces of a passed audit of them."""
    warehouse.prepare(session.path)
    warehouse.write_run_clock(session.path, session.as_of, session.run_id, session.started_at)
    with warehouse.connect(session.path) as connection:
        connection.execute("create schema if not exists marts; create schema if not exists raw")
        for name in ("dim_deals", "fct_stage_transitions"):
            connection.execute(
                f"""create or replace table marts.{name} (deal_key varchar primary key, value integer,
                        amount decimal(18, 2), entered_at timestamptz)"""
            )
            connection.execute(
                f"""insert into marts.{name} select 'hubspot:' || i, {value}, i + 0.5, timestamptz '2026-01-01 12:00+00'
                    from range({rows}) r(i)"""
            )
        connection.execute(
            """create or replace table meta.rejected_records as
               select 'hubspot' as source, 'deals' as stream, '7' as record_id, 'bad number' as reason,
                      'the raw record, private' as record"""
        )
        connection.execute(
            """create table if not exists raw._windows (window_id varchar, window_seq bigint, source varchar,
                 vendor varchar, stream varchar, to_at timestamptz, extracted_at timestamptz, row_count bigint)"""
        )
        connection.execute("delete from raw._windows")
        connection.execute(
            """insert into raw._windows values ('w1', 1, 'hubspot', 'hubspot', 'deals', '2026-04-09 10:00+00',
                                                '2026-04-09 12:00+00', 50)"""
        )
    audited(session)


def audited(session: Session) -> None:
    """What a passed audit leaves in meta.check_results."""
    record_checks(session.path, session.run_id, "dbt", [Check("unique_deal_key", "marts.dim_deals", "pass", "dbt")])
    gate = [Check(f"{guard.name}.key_is_unique", guard.table, "pass", "gate") for guard in guards()]
    record_checks(session.path, session.run_id, "gate", gate)
    for kind, table in (("reconciliation", "meta.source_reconciliation"), ("rejects", "meta.rejected_records")):
        record_checks(session.path, session.run_id, kind, [Check(kind, table, "pass", kind)])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = settings_of(tmp_path / "home", "hubspot")
    made.home.mkdir()
    Home(made.home).prepare()
    return made

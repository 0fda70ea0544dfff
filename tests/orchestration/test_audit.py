"""The audit's verdicts on small warehouses: rejected share, reconciliation, and when the gate runs at all."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import pytest

from expectations import pipeline_month_end
from ingestion.errors import CorruptResponse
from ingestion.settings import Settings
from ingestion.stream import StreamReport
from orchestration import audit, dbt_build, reconcile, warehouse
from orchestration.dbt_build import Node
from orchestration.errors import AuditRefused, BuildFailed
from orchestration.session import Session
from tests.expectations.test_gate import month_end_table
from tests.orchestration.conftest import session_of

GUARD = pipeline_month_end.GUARD


@pytest.fixture
def session(settings: Settings) -> Session:
    warehouse.prepare(settings.warehouse)
    return session_of(settings)


def execute(session: Session, *statements: str) -> None:
    with warehouse.connect(session.path) as connection:
        for statement in statements:
            connection.execute(statement)


def reject(session: Session, rejected: int, records: int) -> None:
    execute(
        session,
        "create schema raw",
        "create table raw._windows as select 'hubspot' as source, 'hubspot' as vendor",
        f"""create table raw.hubspot__deals as
            select 'hubspot' as source, (i // 2)::varchar as record_id from range({2 * records}) r(i)""",
        f"""create table meta.rejected_records as select 'hubspot' as source, 'deals' as stream,
            i::varchar as record_id, 'amount is not a number' as reason, '{{}}' as record, false as is_superseded
            from range({rejected}) r(i)""",
    )


@pytest.mark.parametrize(("rejected", "status"), [(0, "pass"), (1, "warn"), (10, "warn"), (11, "fail")])
def test_more_than_one_per_cent_of_a_streams_records_refuses(session: Session, rejected: int, status: str) -> None:
    reject(session, rejected, records=1000)
    (check,) = audit.rejected(session)
    assert check.status == status
    if rejected:
        assert check.check == "rejected_share.hubspot.deals"
        assert "0: amount is not a number" in check.sample
        assert f"{rejected / 1000:.2%}" in check.message


def test_values_of_optional_properties_never_refuse(session: Session) -> None:
    reject(session, 500, records=1000)
    execute(session, "update meta.rejected_records set stream = 'deal_properties', reason = 'property x: not a number'")
    (check,) = audit.rejected(session)
    assert (check.check, check.status) == ("rejected_share.hubspot.deal_properties", "warn")
    assert "50.00% of deals have a value that is not of the type in funnel.yml: null" in check.message


def test_a_line_without_a_key_counts_as_a_record(session: Session) -> None:
    reject(session, 0, records=10)
    execute(
        session, "insert into meta.rejected_records values ('hubspot', 'deals', null, 'no id', '{\"a\": 1}', false)"
    )
    (check,) = audit.rejected(session)
    assert (check.status, check.failing_rows) == ("fail", 1)


def test_a_version_that_a_sound_one_has_replaced_no_longer_counts(session: Session) -> None:
    reject(session, 20, records=1000)
    execute(session, "update meta.rejected_records set is_superseded = record_id <> '7'")
    (check,) = audit.rejected(session)
    assert (check.status, check.failing_rows, check.sample) == ("warn", 1, "7: amount is not a number")


def differ(session: Session, unexplained: int, source: str = "hubspot") -> None:
    """What the run at hand counted, beside what an earlier one left unexplained."""
    warehouse.write_run_clock(session.path, session.as_of, session.run_id, session.started_at)
    execute(
        session,
        f"""create or replace table meta.source_reconciliation as
            select '{source}' as source, 'deals' as stream, run_id, as_of, started_at as run_started_at,
                   100 as at_source_live, {unexplained} as unexplained from meta.run_clock
            union all select '{source}', 'deals', 'an earlier run', now(), now(), 90, 7""",
    )


def test_an_unexplained_difference_refuses_and_shows_the_counts(session: Session) -> None:
    differ(session, 0)
    assert reconcile.check(session).status == "pass"
    differ(session, 2)
    check = reconcile.check(session)
    assert check.status == "fail"
    assert "source hubspot, stream deals, at_source_live 100, unexplained 2" in check.sample


def test_a_source_that_failed_in_this_run_is_known_to_differ(session: Session) -> None:
    differ(session, 2)
    error = CorruptResponse("hubspot", "deals", "not JSON")
    session.reports.append(StreamReport("hubspot", "hubspot", "deals", error=error))
    assert reconcile.check(session).status == "warn"


@pytest.mark.parametrize(
    ("unexplained", "source", "failed", "read"),
    [(0, "hubspot", False, False), (2, "hubspot", False, True), (2, "hubspot", True, False), (2, "emea", False, False)],
)
def test_only_a_differing_source_that_came_through_is_read_again(
    session: Session, monkeypatch: pytest.MonkeyPatch, unexplained: int, source: str, failed: bool, read: bool
) -> None:
    again: list[set[str]] = []
    monkeypatch.setattr(Session, "reread", lambda self, sources: again.append(sources))
    differ(session, unexplained, source)
    error = CorruptResponse("hubspot", "deals", "not JSON") if failed else None
    session.reports.append(StreamReport("hubspot", "hubspot", "deals", error=error))
    assert reconcile.read_again(session) is read
    assert again == ([{"hubspot"}] if read else [])


def guarded(session: Session) -> None:
    frame = month_end_table()
    frame["month_end"] = frame["month_end"].dt.date
    with duckdb.connect(str(session.path)) as connection:
        connection.execute("create schema if not exists marts")
        connection.register("frame", frame)
        connection.execute("create or replace table marts.fct_pipeline_month_end as from frame")


def test_gate_runs_only_where_content_changed(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    guarded(session)
    checks = audit.gate(session, GUARD)
    assert {check.status for check in checks} == {"pass"}
    assert len(checks) > 20
    monkeypatch.setattr("orchestration.audit.validate", lambda *_: pytest.fail("the gate ran over an accepted table"))
    (check,) = audit.gate(session, GUARD)
    assert (check.check, check.status) == ("fct_pipeline_month_end.unchanged", "pass")


def test_a_refused_table_is_not_remembered_as_accepted(session: Session) -> None:
    guarded(session)
    execute(session, "update marts.fct_pipeline_month_end set days_in_stage = -1 where deal_key = 'hubspot:3'")
    for _ in range(2):
        refused = [check for check in audit.gate(session, GUARD) if check.refuses]
        assert [check.check for check in refused] == ["fct_pipeline_month_end.days_in_stage_not_negative"]
        assert "deal_key hubspot:3" in refused[0].sample


def test_a_comparison_with_history_can_be_accepted_once_by_name(session: Session) -> None:
    guarded(session)
    audit.gate(session, GUARD)
    execute(session, "update marts.fct_pipeline_month_end set amount_reporting = amount_reporting * 100")
    (refused,) = [check for check in audit.gate(session, GUARD) if check.refuses]
    assert "--accept fct_pipeline_month_end.amount_as_last_audited" in refused.message
    accepting = replace(session, request=replace(session.request, accept=(refused.check,)))
    statuses = {check.check: check.status for check in audit.gate(accepting, GUARD)}
    assert statuses[refused.check] == "warn"
    assert "fail" not in statuses.values()


def node(kind: str, status: str, **more: object) -> Node:
    return Node("test.funnel.x", "tiles", kind, "marts.fct_stage_transitions", status, **more)  # type: ignore[arg-type]


def test_failed_data_test_refuses_with_the_rows_it_found(session: Session) -> None:
    found = node(
        "test", "fail", failures=2, message="Got 2 results", sql="select 'hubspot:' || i as deal_key from range(2) r(i)"
    )
    with pytest.raises(AuditRefused, match=r"tiles on marts.fct_stage_transitions: Got 2 results.*deal_key hubspot:0"):
        dbt_build.judge(session, [found])
    assert [check.check for check in session.refused] == ["tiles"]


def test_model_error_is_a_failure_not_a_refusal(session: Session) -> None:
    with pytest.raises(BuildFailed, match=r"could not build marts.fct_stage_transitions: Binder Error"):
        dbt_build.judge(session, [node("model", "error", message="Binder Error:\n no column"), node("test", "skipped")])
    dbt_build.judge(session, [node("model", "success"), node("test", "pass"), node("test", "warn", message="Got 1")])
    assert [check.status for check in session.warned] == ["warn"]

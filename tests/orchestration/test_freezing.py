"""What refuses a freeze: each rule of the guard that a run only warns of, by name, with its rows; and frozen rows that
are not what the vintage files hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from expectations import forecast_monthly
from expectations.gate import Finding, validate
from ingestion.settings import Settings
from orchestration import closing, freezing, frozen_check, vintages, warehouse
from orchestration.home import Home
from orchestration.session import Session
from tests.expectations.forecast_tables import tables
from tests.orchestration.conftest import session_of
from tests.orchestration.test_closing import ENTRY, JUNE, Made, built, close, failing, ready  # noqa: F401 a fixture

BROKEN = {
    "sources_reach_past_the_month": ("sources", {"source": "hubspot", "is_reached": False}, "hubspot"),
    "counts_are_explained": ("counts", {"what": "hubspot deals"}, "hubspot deals"),
    "rates_are_there": ("rates", {"what": "hubspot GBP 2023-11"}, "hubspot GBP 2023-11"),
    "quotas_are_in_force": ("quotas", {"what": "team t1 2023-12"}, "team t1 2023-12"),
}


def found(*broken: str) -> list[Finding]:
    """The guard's findings where these rules are broken."""
    frames, facts = tables()
    asked = dict(facts["forecast_monthly"].tables)
    for name in broken:
        question, row, _ = BROKEN[name]
        asked[question] = pd.DataFrame([row])
    told = replace(facts["forecast_monthly"], tables=asked)
    return validate(forecast_monthly.GUARD, frames["forecast_monthly"], told, only=tuple(BROKEN))


def test_every_rule_that_only_refuses_a_freeze_is_read_by_the_close() -> None:
    assert {f.check.split(".")[1] for f in found() if f.severity == "freeze"} == set(freezing.TO_DO) == set(BROKEN)
    assert {item.status for item in freezing.items_of(found())} == {"pass"}


@pytest.mark.parametrize("name", BROKEN)
def test_each_refuses_by_name_with_its_rows_and_what_to_do(name: str) -> None:
    (item,) = [item for item in freezing.items_of(found(name)) if item.status != "pass"]
    assert (item.check, item.status, item.rows, item.guidance) == (
        name, "fail", (BROKEN[name][2],), freezing.TO_DO[name],
    )  # fmt: skip


def test_a_rule_that_refuses_a_run_refuses_a_freeze_and_one_that_warns_does_not() -> None:
    rows = ({"target_month": "2026-07"},)
    broken = Finding("forecast_monthly.p10_not_above_p50", "t", False, "p10 <= p50", 1, rows)
    warned = replace(broken, check="forecast_monthly.intervals_hold", severity="warn")
    (item,) = [item for item in freezing.items_of([broken, warned]) if item.status == "fail"]
    assert (item.check, item.rows) == (
        "guard", ("forecast_monthly.p10_not_above_p50: p10 <= p50 (1 row: target_month 2026-07)",),
    )  # fmt: skip


def test_the_close_is_refused_until_the_rule_is_waived(
    ready: Settings,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(freezing, "items", lambda session, month: freezing.items_of(found("quotas_are_in_force")))
    refused = close(ready)
    assert (refused["code"], failing(refused)) == (3, {"quotas_are_in_force": ["team t1 2023-12"]})
    assert not Home(ready.home).vintages.exists()
    waive = closing.Waiver("quotas_are_in_force", "agreed", date(2026, 8, 1))
    assert close(ready, waive=waive)["code"] == 0


@pytest.fixture
def session(settings: Settings, tmp_path: Path) -> Session:
    """A warehouse that shows June's frozen vintage, and May's provisional one."""
    home = Home(settings.home)
    vintages.freeze(home, built(tmp_path / "built.duckdb"), JUNE, ENTRY)
    built(settings.warehouse)
    warehouse.prepare(settings.warehouse)
    vintages.load(settings.warehouse, home)
    change(
        settings.warehouse,
        """create or replace table marts.forecast_monthly as
           select m.*, v.known_at, v.frozen_at, v.revision from marts.forecast_monthly as m
           left join meta.frozen_vintages as v on m.as_of_month_end = v.month_end""",
    )
    return session_of(settings)


def change(path: Path, *statements: str) -> None:
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)


FROZEN_ROW = "2026-06-30 2026-07-01 total all all"


@pytest.mark.parametrize(
    ("mutation", "rows", "sample"),
    [
        ("update marts.forecast_monthly set p90 = p90 + 0.01 where frozen_at is not null", 1, FROZEN_ROW),
        ("update marts.forecast_monthly set note = 'fine' where frozen_at is not null", 1, FROZEN_ROW),
        ("delete from marts.forecast_monthly where frozen_at is not null", 1, FROZEN_ROW),
        ("update marts.forecast_monthly set frozen_at = null, revision = null", 1, FROZEN_ROW),
        ("update marts.forecast_monthly set known_at = known_at - interval 1 day", 1, FROZEN_ROW),
        ("update marts.forecast_monthly set frozen_at = now() where as_of_month_end = '2026-05-31'", 1, "no vintage"),
        ("insert into marts.forecast_monthly select * replace ('p1' as segment) from marts.forecast_monthly", 1, "p1"),
    ],
)
def test_a_row_that_claims_to_be_frozen_and_is_not_in_the_file_refuses(
    session: Session, mutation: str, rows: int, sample: str
) -> None:
    assert frozen_check.check(session).status == "pass"
    change(session.path, mutation)
    verdict = frozen_check.check(session)
    assert (verdict.check, verdict.status, verdict.failing_rows) == (
        "forecast_monthly.frozen_is_the_file",
        "fail",
        rows,
    )
    assert sample in verdict.sample


def test_a_changed_file_refuses_and_a_month_closed_since_the_build_does_not(session: Session, tmp_path: Path) -> None:
    later = {**ENTRY, "frozen_at": "2026-07-12T12:00:00+00:00"}
    vintages.freeze(session.home, tmp_path / "built.duckdb", JUNE, later)
    vintages.freeze(session.home, tmp_path / "built.duckdb", date(2026, 5, 1), ENTRY)
    assert frozen_check.check(session).status == "pass", "the next run publishes them"
    file = session.home.vintages / "2026-06.parquet"
    file.write_bytes(file.read_bytes() + b" ")
    verdict = frozen_check.check(session)
    assert (verdict.status, "2026-06.parquet is not what was frozen" in verdict.message) == ("fail", True)


def test_before_anything_is_built_nothing_is_compared(settings: Settings) -> None:
    warehouse.prepare(settings.warehouse)
    assert frozen_check.check(session_of(settings)).status == "pass"

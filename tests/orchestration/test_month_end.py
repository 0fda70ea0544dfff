"""Months that are due, closed late where they were missed, and the alert of a refusal; the schedules that do it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from ingestion.close import Close
from ingestion.settings import Secret, Settings
from orchestration import cli, month_end, month_end_job, vintages
from orchestration.alerts import Book
from orchestration.home import Home
from orchestration.lock import RunLock
from tests.orchestration.receiver import Receiver
from tests.orchestration.test_closing import ENTRY, built, landed, ready  # noqa: F401 a fixture

JULY_10, AUGUST_20 = datetime(2026, 7, 10, tzinfo=UTC), datetime(2026, 8, 20, tzinfo=UTC)
EARLIER = datetime(2026, 7, 9, 23, 59, tzinfo=UTC)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


def frozen(settings: Settings, *months: str) -> None:
    """As if these had been closed."""
    home = Home(settings.home)
    for month in months:
        tables = home.root / "tables.duckdb"
        tables.unlink(missing_ok=True)
        vintages.freeze(home, built(tables), date.fromisoformat(f"{month}-01"), ENTRY)


def test_a_month_is_due_from_its_closing_day_on(settings: Settings) -> None:
    assert month_end.due(settings, AUGUST_20) == [], "nothing was ever read"
    landed(settings, "2026-04-20T08:00:00+00:00")
    assert (month_end.due(settings, EARLIER), month_end.due(settings, JULY_10)) == (["2026-05"], ["2026-06"])
    by_calendar = replace(settings, config=settings.config.model_copy(update={"close": Close(calendar_day=25)}))
    assert month_end.due(by_calendar, AUGUST_20) == ["2026-06"]
    assert month_end.due(settings, AUGUST_20) == ["2026-07"], "the newest alone where none is closed"


def test_missed_months_are_caught_up_after_the_last_closed_one(settings: Settings) -> None:
    landed(settings, "2026-04-20T08:00:00+00:00")
    frozen(settings, "2026-05")
    assert month_end.due(settings, AUGUST_20) == ["2026-06", "2026-07"]
    frozen(settings, "2026-06", "2026-07")
    assert month_end.due(settings, AUGUST_20) == []


def test_a_month_that_ended_before_a_source_was_known_is_never_due(settings: Settings) -> None:
    landed(settings, "2026-07-31T23:59:59+00:00")
    assert month_end.due(settings, JULY_10) == []
    assert month_end.due(settings, AUGUST_20) == ["2026-07"]


def test_a_refused_freeze_is_told_once_and_its_end_too(
    ready: Settings,  # noqa: F811
    receiver: Receiver,
    tmp_path: Path,
) -> None:
    settings = replace(ready, alert_webhook=Secret(receiver.url))
    published = (Home(ready.home).published / "current" / "funnel.duckdb").resolve()
    for path in (published, tmp_path / "built.duckdb"):
        with duckdb.connect(str(path)) as connection:
            connection.execute("insert into meta.unconverted_amounts values ('2026-06-01', 'h', 'GBP', 'won', 3, 12)")

    def call(now: datetime) -> dict[str, Any]:
        return month_end.close_due(settings, say=lambda text: None, now=now)

    assert call(EARLIER)["message"] != "", "May is due before, and refused: its cut-off was not read"
    told = [(post["kind"], post["state"], post["subject"]) for post in receiver.posts]
    assert told == [("close_refused", "raised", "2026-05")]
    found = call(JULY_10)
    assert (found["code"], [one["month"] for one in found["months"]]) == (3, ["2026-06"])
    call(JULY_10)
    post = receiver.posts[-1]
    assert (len(receiver.posts), post["subject"], post["severity"]) == (2, "2026-06", "critical")
    assert post["details"]["members"] == ["rates"]
    for path in (published, tmp_path / "built.duckdb"):
        with duckdb.connect(str(path)) as connection:
            connection.execute("delete from meta.unconverted_amounts")
    found = call(datetime(2026, 7, 12, tzinfo=UTC))
    (line,) = [one["vintage"] for one in found["months"]]
    assert (found["code"], line["month"], line["frozen_by"], line["is_late"]) == (0, "2026-06", "schedule", True)
    assert [(p["state"], p["subject"]) for p in receiver.posts[2:]] == [("resolved", "2026-06")]
    assert list(Book(Home(ready.home)).open) == ["close_refused|2026-05"]
    assert call(datetime(2026, 7, 12, tzinfo=UTC)) == {
        "code": 0, "months": [], "message": "No month is due to be closed.",
    }  # fmt: skip


@pytest.mark.parametrize("arguments", [[], ["2026-06", "--due"], ["--due", "--correct"]])
def test_one_month_or_those_that_are_due(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["close", *arguments]) == 2
    assert "--due" in capsys.readouterr().err


def test_schedules_of_the_month_are_off_until_switched_on_and_ask_before_they_run(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(month_end_job, "load_settings", lambda: settings)
    begins, ends = month_end_job.month_begins(month_end_job.month_end, settings), month_end_job.month_ends(settings)
    assert begins.cron_schedule == "35 0 1 * *"
    assert {begins.default_status, ends.default_status} == {dg.DefaultScheduleStatus.STOPPED}
    assert {begins.execution_timezone, ends.execution_timezone} == {settings.config.reporting_timezone}

    def look() -> str:
        found = ends(dg.build_schedule_context())
        return str(found.skip_message if isinstance(found, dg.SkipReason) else found.tags["funnel/months"])

    assert look() == "No month is due to be closed."
    landed(settings, "2020-01-01T00:00:00+00:00")
    assert look() == month_end.due(settings, datetime.now(UTC))[-1]
    with RunLock(Home(settings.home).lock, "funnel run"):
        assert "`funnel run`" in look()


def test_the_job_of_the_month_fails_where_a_month_is_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(month_end_job, "load_settings", lambda: settings)
    landed(settings, "2020-01-01T00:00:00+00:00")
    done = month_end_job.month_end.execute_in_process(raise_on_error=False)
    (failure,) = [e for e in done.all_node_events if e.event_type_value == "STEP_FAILURE"]
    assert "is not closed: extracted:" in str(failure.event_specific_data)
    (alert,) = Book(Home(settings.home)).open.values()
    assert (alert["kind"], alert["members"]) == ("close_refused", ["extracted", "last_audit", "rates"])

"""adjustments.csv: recorded once, never changed; what it may not say, with the line; and when it is in time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import pytest

from ingestion.errors import ConfigError
from ingestion.settings import Settings
from orchestration import adjustments, warehouse
from orchestration.errors import FunnelError
from orchestration.home import Home

HEADER = "vintage,target_month,segment_type,segment,amount,delta,reason,by,at\n"
FIRST = "2026-06,2026-07,all,,410000,,two tenders,Ada,2026-07-06\n"
SECOND = "2026-06,2026-08-01,pipeline,hubspot:p,,-25000.5,fair cancelled,Ada,2026-07-06\n"
THIRD = "2026-06,2026-07,,,420000,,three tenders,Ada,2026-07-20\n"
JULY_6, JULY_10, JULY_20 = (datetime(2026, 7, day, 12, tzinfo=UTC) for day in (6, 10, 20))


def write(settings: Settings, *rows: str) -> None:
    Home(settings.home).adjustments.write_text(HEADER + "".join(rows))


def loaded(settings: Settings, now: datetime) -> list[tuple[object, ...]]:
    warehouse.prepare(settings.warehouse)
    adjustments.load(settings, now)
    with duckdb.connect(str(settings.warehouse)) as connection:
        return connection.execute(
            """select as_of_month_end, target_month, segment_type, segment, amount, delta, is_in_time
               from meta.forecast_adjustments order by row_number"""
        ).fetchall()


def test_rows_are_recorded_once_and_are_in_time_until_the_closing_day_is_over(settings: Settings) -> None:
    assert loaded(settings, JULY_6) == []
    write(settings, FIRST)
    first = (date(2026, 6, 30), date(2026, 7, 1), "all", "all", Decimal("410000.00"), None, True)
    assert loaded(settings, JULY_6) == [first]
    write(settings, FIRST, "\n", SECOND)
    second = (date(2026, 6, 30), date(2026, 8, 1), "pipeline", "hubspot:p", None, Decimal("-25000.50"), True)
    assert loaded(settings, JULY_10) == [first, second], "the closing day itself counts"
    write(settings, FIRST, SECOND, THIRD)
    late = (date(2026, 6, 30), date(2026, 7, 1), "all", "all", Decimal("420000.00"), None, False)
    assert loaded(settings, JULY_20) == [first, second, late]
    assert loaded(settings, datetime(2027, 1, 1, tzinfo=UTC)) == [first, second, late], "recorded is recorded"
    entries = adjustments.record(Home(settings.home), JULY_20)
    assert [entry["recorded_at"][:10] for entry in entries] == ["2026-07-06", "2026-07-10", "2026-07-20"]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (
            [FIRST.replace("410000", "400000"), SECOND],
            r"adjustments\.csv line 2: amount is not what was recorded",
        ),
        ([FIRST, SECOND.replace("Ada", "Eve")], r"line 3: by is not what was recorded"),
        ([SECOND, FIRST], r"line 2: target_month, segment_type, segment, amount, delta, reason is not"),
        ([FIRST], r"adjustments\.csv lacks a row recorded on 2026-07-06 \(2026-06 for 2026-08, by Ada\)"),
        ([], r"adjustments\.csv lacks a row recorded"),
    ],
)
def test_a_recorded_row_that_changed_or_went_is_refused(settings: Settings, rows: list[str], told: str) -> None:
    write(settings, FIRST, SECOND)
    adjustments.record(Home(settings.home), JULY_6)
    write(settings, *rows)
    with pytest.raises(ConfigError, match=told):
        adjustments.record(Home(settings.home), JULY_10)
    write(settings, FIRST.replace("410000", "410000.00"), SECOND)
    assert len(adjustments.record(Home(settings.home), JULY_10)) == 2, "the same amount, written otherwise"


def test_a_book_of_records_that_was_changed_is_refused(settings: Settings) -> None:
    write(settings, FIRST, SECOND)
    adjustments.record(Home(settings.home), JULY_6)
    book = Home(settings.home).vintages / "adjustments.jsonl"
    book.write_text(book.read_text().replace("410000", "400000"))
    with pytest.raises(FunnelError, match="The list of adjustments was changed"):
        adjustments.record(Home(settings.home), JULY_6)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("2026-06,2026-06,all,,1,,r,b,2026-07-01", "target_month 2026-06 is not one of the nine months after 2026-06"),
        ("2026-06,2027-04,all,,1,,r,b,2026-07-01", "is not one of the nine months"),
        ("June,2026-07,all,,1,,r,b,2026-07-01", "vintage 'June' is not a month"),
        ("2026-06,2026-07,owner,x,1,,r,b,2026-07-01", "segment_type 'owner' is none of all, pipeline, team"),
        ("2026-06,2026-07,all,x,1,,r,b,2026-07-01", "of the company takes no segment"),
        ("2026-06,2026-07,all,,1,2,r,b,2026-07-01", "give either amount"),
        ("2026-06,2026-07,all,,,,r,b,2026-07-01", "give either amount"),
        ("2026-06,2026-07,all,,-1,,r,b,2026-07-01", "amount '-1' is negative"),
        ("2026-06,2026-07,all,,nan,,r,b,2026-07-01", "amount 'nan' is not an amount"),
        ("2026-06,2026-07,all,,1,,,b,2026-07-01", "reason is empty"),
        ("2026-06,2026-07,all,,1,,r,,2026-07-01", "by is empty"),
        ("2026-06,2026-07,all,,1,,r,b,yesterday", "Invalid isoformat string"),
        ("2026-06,2026-07,all,,1,5,,r,b,2026-07-01", "a decimal comma"),
    ],
)
def test_what_a_row_may_not_say(settings: Settings, row: str, told: str) -> None:
    write(settings, FIRST, row)
    with pytest.raises(ConfigError, match=r"adjustments\.csv line 3: .*" + told):
        adjustments.record(Home(settings.home), JULY_6)
    assert not Home(settings.home).vintages.exists(), "nothing is recorded of a file that cannot be read"


def test_another_header_is_refused(settings: Settings) -> None:
    Home(settings.home).adjustments.write_text("vintage;target_month\n")
    with pytest.raises(ConfigError, match=r"adjustments\.csv line 1: the columns must be vintage,target_month"):
        loaded(replace(settings), JULY_6)

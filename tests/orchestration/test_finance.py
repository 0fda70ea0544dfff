"""finance.xlsx and its CSV: figures to the cent, dates as dates, nothing that runs, the same bytes for one release."""

from __future__ import annotations

import csv
import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest

from ingestion.settings import Settings
from orchestration import finance, workbook
from orchestration.finance_sheets import OTHERS, RESTATED_BY, SPECS
from orchestration.publish import publish
from tests.orchestration.conftest import fill, session_of

BIG = Decimal("12345678901234.57")
TABLES = f"""
    create schema marts; create schema meta;
    create table marts.dim_pipelines as select * from (values ('h:p', '=HYPERLINK("x")'), ('h:q', 'Продажи'))
        t (pipeline_key, pipeline_name);
    create table marts.dim_teams (team_key varchar, team_name varchar);
    create table marts.actual_revenue_monthly as select * from (values
        (date '2026-06-01', 'all', 'all', {BIG}, {BIG} + 0.30, 0.30, true),
        (date '2026-06-01', 'pipeline', 'h:p', 100.10, 100.40, 0.30, true),
        (date '2026-07-01', 'all', 'all', null, -0.07, null, false))
        t (month, segment_type, segment, won_amount_at_close_of_month, won_amount_now, restated_amount,
           is_complete_month);
    alter table marts.actual_revenue_monthly alter won_amount_now type decimal(18, 2);
    create table meta.frozen_vintages as select date '2026-06-30' as month_end, 2 as revision,
        timestamptz '2026-07-09 22:00+00' as known_at, 'Ada' as frozen_by, true as is_late, true as is_latest;
    create table meta.forecast_waivers as select date '2026-06-30' as month_end, 'rates' as "check", 'GBP' as reason,
        'Ada' as signed_by, timestamptz '2026-07-10 08:00+00' as signed_at, date '2026-07-31' as expires_on;
    create table marts.forecast_restatements as select date '2026-06-01' as month, segment_type, segment, cause,
        amount::decimal(18, 2) as amount, deal_key, timestamptz '2026-07-20 23:30+00' as detected_at
        from (values ('all', 'all', 'late_close', 100.25, 'h:1'), ('all', 'all', 'amount_edit', -99.99, 'h:2'),
              ('all', 'all', 'a new cause', 0.04, 'h:2'), ('pipeline', 'h:p', 'late_close', 0.30, 'h:1'))
        t (segment_type, segment, cause, amount, deal_key);
"""


@pytest.fixture
def release(tmp_path: Path) -> Path:
    with duckdb.connect(str(tmp_path / "funnel.duckdb")) as connection:
        connection.execute(TABLES)
        connection.execute(
            f"""create table marts.mart_pipeline_waterfall_monthly as
                select date '2026-06-01' as month, 'all_open' as basis, 'h:q' as pipeline_key, currency, true as
                    is_complete_month, {", ".join(f"0.00::decimal(18, 2) as {w}_amount, 0 as {w}_count" for w in STEPS)}
                from (values ('JPY'), ('EUR')) t (currency)"""
        )
        connection.execute(
            """update marts.mart_pipeline_waterfall_monthly
               set opening_amount = 5, won_amount = -2, closing_amount = 3.01"""
        )
    return tmp_path


STEPS = ("opening", "created", "reopened", "pulled_in", "increased", "decreased", "fx", "pushed_out", "pipeline_in",
         "pipeline_out", "won", "lost", "void", "owner_in", "owner_out", "closing")  # fmt: skip


def manifest_of(folder: Path) -> dict[str, Any]:
    with duckdb.connect(str(folder / "funnel.duckdb"), read_only=True) as connection:
        tables = connection.execute(
            "select table_schema || '.' || table_name from information_schema.tables"
        ).fetchall()
    source = {"vendor": "hubspot", "age_hours": 30.0, "budget_hours": 26.0, "stale": True, "failed": []}
    return {
        "id": "20260731T000000Z-1", "as_of": "2026-07-30T22:30:00+00:00", "known_at": "2026-07-30T22:30:00+00:00",
        "reporting": {"currency": "EUR", "timezone": "Europe/Berlin"}, "code_version": "1", "published": True,
        "sources": {"hubspot": source}, "tables": {name: {} for (name,) in tables}, "warnings": [],
        "checks": [{"check": "odd", "table": "marts.x", "status": "warn", "kind": "dbt"}],
    }  # fmt: skip


def sheets_of(folder: Path) -> dict[str, Any]:
    return {page.title: page for page in openpyxl.load_workbook(folder / "finance.xlsx").worksheets}


def table(page: Any) -> list[dict[str, Any]]:
    """Rows under the header, by its words."""
    head, *rows = page.iter_rows(min_row=workbook.HEADER + 1)
    names = [cell.value for cell in head]
    return [dict(zip(names, row, strict=True)) for row in rows]


def cents(cell: Any) -> Decimal:
    return Decimal(repr(cell.value)).quantize(Decimal("0.01"))


def test_figures_come_back_to_the_cent_and_months_are_dates(release: Path) -> None:
    finance.write(release, manifest_of(release))
    pages = sheets_of(release)
    rows = {(row["Month"].value.date(), row["Segment key"].value): row for row in table(pages["Revenue"])}
    assert set(rows) == {(date(2026, 6, 1), "all"), (date(2026, 6, 1), "h:p"), (date(2026, 7, 1), "all")}
    june = rows[date(2026, 6, 1), "all"]
    assert cents(june["Won amount at close of month"]) == BIG
    assert cents(june["Won amount now"]) == BIG + Decimal("0.30")
    assert june["Status"].value == "closed"
    july = rows[date(2026, 7, 1), "all"]
    assert (cents(july["Won amount now"]), july["Won amount at close of month"].value) == (Decimal("-0.07"), None)
    assert july["Month"].number_format == "mmm yyyy"
    assert pages["Revenue"].freeze_panes == f"D{workbook.HEADER + 2}"


def test_restatements_sum_to_the_change_whatever_their_cause(release: Path) -> None:
    finance.write(release, manifest_of(release))
    (all_of_it, one) = table(sheets_of(release)["Restatements"])
    causes = [workbook.label(cause) for cause in (*RESTATED_BY, OTHERS)]
    assert sum(cents(all_of_it[cause]) for cause in causes) == cents(all_of_it["Restated amount"]) == Decimal("0.30")
    assert (cents(all_of_it["Other causes"]), cents(all_of_it["Check"])) == (Decimal("0.04"), 0)
    assert all_of_it["Last detected"].value.date() == date(2026, 7, 21)  # half past one in Berlin
    assert (all_of_it["Deals"].value, one["Deals"].value) == (2, 1)


def test_a_sum_that_does_not_add_up_shows_and_currencies_keep_their_units(release: Path) -> None:
    finance.write(release, manifest_of(release))
    euro, yen = table(sheets_of(release)["Waterfall"])
    assert (euro["Currency"].value, cents(euro["Check"])) == ("EUR", Decimal("-0.01"))
    assert (euro["Won amount"].number_format, yen["Won amount"].number_format) == (workbook.MONEY, workbook.WHOLE)


def test_names_are_text_and_nothing_is_a_formula(release: Path) -> None:
    finance.write(release, manifest_of(release))
    for page in sheets_of(release).values():
        assert all(cell.data_type != "f" for row in page.iter_rows() for cell in row), page.title
    assert '=HYPERLINK("x")' in {row["Name"].value for row in table(sheets_of(release)["Revenue"])}
    with (release / "finance" / "revenue.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["name"] for row in rows} == {"all", '\'=HYPERLINK("x")'}
    assert Decimal(rows[1]["won_amount_now"]) == BIG + Decimal("0.30")
    assert rows[0]["month"] == "2026-07-01"


def test_the_cover_tells_what_is_late_provisional_waived_and_missing(release: Path) -> None:
    finance.write(release, manifest_of(release))
    told = {(r["Section"].value, r["Item"].value): r["Value"].value for r in table(sheets_of(release)["Cover"])}
    assert told["Publication", "as of"] == "2026-07-31 00:30 Europe/Berlin"
    assert told["Publication", "currency"].startswith("EUR")
    assert told["Sources", "hubspot"].startswith("LATE")
    assert told["Closed months", "2026-06"] == "LATE or corrected, revision 2, known at 2026-07-10 00:00, signed Ada"
    assert told["Waivers", "2026-06 rates"] == "GBP (signed Ada, held until 2026-07-31)"
    assert "marts.forecast_current" in told["Sheets", "Forecast"]
    assert told["Sheets", "Revenue"] == "3 rows"
    assert ("Warnings of the audit", "odd") in told


def test_definitions_are_the_models_own(release: Path) -> None:
    finance.write(release, manifest_of(release))
    found = {(r["Sheet"].value, r["Figure"].value): r for r in table(sheets_of(release)["Definitions"])}
    assert found["Metric", "win_rate"]["Formula"].value == "won_deals / closed_deals"
    assert found["Revenue", "restated_amount"]["Model"].value == "actual_revenue_monthly"
    assert found["Restatements", "won_amount_now"]["Definition"].value == "What it is as of this run."


def test_the_same_release_gives_the_same_bytes(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finance.write(release, manifest_of(release))
    first = {path: path.read_bytes() for path in release.rglob("*") if path.suffix in (".xlsx", ".csv")}
    shutil.rmtree(release / "finance")
    (release / "finance.xlsx").unlink()
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    finance.write(release, manifest_of(release))
    assert len(first) == len(SPECS) + 3
    assert {path: path.read_bytes() for path in first} == first


def test_a_sheet_that_is_too_long_says_so_and_the_csv_has_all(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "CELLS", 11)
    finance.write(release, manifest_of(release))
    page = sheets_of(release)["Revenue"]
    assert len(table(page)) == 1
    assert "The first 1 of 3 rows" in page["A2"].value
    assert len((release / "finance" / "revenue.csv").read_text(encoding="utf-8-sig").splitlines()) == 4


def test_a_workbook_that_cannot_be_made_is_a_warning(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(workbook, "save", fail)
    session = session_of(settings)
    fill(session, 1)
    manifest = publish(session)
    assert manifest["outcome"] == "published"
    assert not [name for name in manifest["files"] if name.startswith("finance")]
    assert [check.check for check in session.warned] == ["finance_workbook"]
    assert [warning for warning in manifest["warnings"] if "ZeroDivisionError" in warning]


def test_a_warehouse_without_the_tables_gives_a_workbook_that_says_so(settings: Settings) -> None:
    session = session_of(settings)
    fill(session, 1)
    manifest = publish(session)
    assert {"finance.xlsx", "finance/revenue.csv"} <= set(manifest["files"])
    pages = sheets_of(settings.published / "current")
    assert "run `funnel run`" in pages["Forecast"].cell(workbook.HEADER + 1, 1).value

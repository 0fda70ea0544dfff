"""The first sheet of finance.xlsx: of when and what the figures are, what is late, provisional, waived or missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from orchestration.finance import Sheet

Row = tuple[str, str, str]
CHECKS_SHOWN, MONTHS_SHOWN = 20, 24


def cover(
    connection: duckdb.DuckDBPyConnection, manifest: Mapping[str, Any], sheets: Iterable[Sheet], there: set[str]
) -> Sheet:
    """Rows of (section, item, what is to be known of it). No text of a check is quoted: it may name records."""
    rows = [*_publication(manifest), *_sources(manifest)]
    rows += _months(connection, there) + _waivers(connection, there) + _warnings(manifest)
    for sheet in sheets:
        rows.append(("Sheets", sheet.title, f"{len(sheet.rows):,} rows" if sheet.rows else f"EMPTY. {sheet.missing}"))
    return Sheet(
        "cover", "Cover",
        "Won bookings and their forecast, as this publication has them. No formulas; each sheet is in finance/*.csv "
        "too.",
        ("section", "item", "value"), rows, frozen=2, strong="PROVISIONAL",
    )  # fmt: skip


def _publication(manifest: Mapping[str, Any]) -> Iterator[Row]:
    reporting = manifest["reporting"]
    named = (
        ("as of", _local(manifest["as_of"], reporting["timezone"])),
        ("known at", _local(manifest["known_at"], reporting["timezone"])),
        ("id", manifest["id"]),
        ("currency", f"{reporting['currency']}, where a sheet does not say otherwise"),
        ("time zone", f"{reporting['timezone']}: months begin and end in it"),
        ("code version", manifest["code_version"]),
        ("published", "yes" if manifest["published"] else "no: a replay, or publishing was held; `current` is another"),
    )
    for item, value in named:
        yield "Publication", item, str(value)


def _local(instant: str, timezone: str) -> str:
    return f"{datetime.fromisoformat(instant).astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M} {timezone}"


def _sources(manifest: Mapping[str, Any]) -> Iterator[Row]:
    for name, source in manifest["sources"].items():
        age = "age unknown" if source["age_hours"] is None else f"{source['age_hours']:,.1f} h behind as-of"
        late = f"LATE, its figures are provisional (budget {source['budget_hours']:g} h): " if source["stale"] else ""
        failed = f"; {len(source['failed'])} stream(s) could not be read" if source["failed"] else ""
        yield "Sources", name, f"{late}{source['vendor']}, {age}{failed}"


def _months(connection: duckdb.DuckDBPyConnection, there: set[str]) -> list[Row]:
    """Closed months with their vintage, and the newest that are over and not closed."""
    closed: list[Row] = []
    if "meta.frozen_vintages" in there:
        found = connection.execute(
            """select strftime(month_end, '%Y-%m'), revision, strftime(known_at, '%Y-%m-%d %H:%M'), frozen_by, is_late
               from meta.frozen_vintages where is_latest order by month_end desc"""
        ).fetchall()
        for month, revision, known, by, late in found:
            mark = "LATE or corrected, " if late else ""
            closed.append(("Closed months", month, f"{mark}revision {revision}, known at {known}, signed {by}"))
    provisional: list[Row] = []
    if "marts.actual_revenue_monthly" in there:
        found = connection.execute(
            f"""select strftime(month, '%Y-%m') from marts.actual_revenue_monthly
               where segment_type = 'all' and is_complete_month and won_amount_at_close_of_month is null
               order by month desc limit {MONTHS_SHOWN}"""
        ).fetchall()
        if months := [month for (month,) in found]:
            text = f"over, and not closed: their revenue still moves ({', '.join(months)})"
            provisional = [("Closed months", "PROVISIONAL", text)]
    none = [("Closed months", "none", "`funnel close MONTH` freezes a month; until then every figure is provisional")]
    return [*(closed or none), *provisional]


def _waivers(connection: duckdb.DuckDBPyConnection, there: set[str]) -> list[Row]:
    found = []
    if "meta.forecast_waivers" in there:
        found = connection.execute(
            """select strftime(month_end, '%Y-%m'), "check", reason, signed_by, expires_on from meta.forecast_waivers
               order by month_end desc, signed_at desc"""
        ).fetchall()
    return [
        ("Waivers", f"{month} {check}", f"{reason} (signed {by}, held until {until})")
        for month, check, reason, by, until in found
    ] or [("Waivers", "none", "no check of a closed month was waived")]


def _warnings(manifest: Mapping[str, Any]) -> list[Row]:
    names = sorted({(check["check"], check["table"]) for check in manifest["checks"] if check["status"] == "warn"})
    rows = [("Warnings of the audit", check, f"on {table}; see meta.check_results") for check, table in names]
    if len(names) > CHECKS_SHOWN:
        rows = [*rows[:CHECKS_SHOWN], ("Warnings of the audit", "and more", f"{len(names) - CHECKS_SHOWN:,}")]
    return rows or [("Warnings of the audit", "none", "every check passed")]

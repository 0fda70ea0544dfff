"""The month-end schedule: months whose closing day has come are closed, late ones too; a refusal is told once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ingestion.close import midnight, next_month
from ingestion.landing import Landing
from ingestion.settings import Settings
from orchestration import closing, vintages
from orchestration.alerts import Alert, Book, Origin, settle
from orchestration.checklist import first_read, names_of_sources
from orchestration.errors import PUBLISHED
from orchestration.home import Home

logger = logging.getLogger("funnel")
KIND = "close_refused"
BY = "schedule"
"""Who signs where nobody is named."""


def due(settings: Settings, now: datetime) -> list[str]:
    """Months (`2026-06`) whose closing day has come and that are not closed, oldest first.

    Those after the last closed month; where none is closed yet the newest alone, so that a schedule that is switched on
    does not close years. Months that ended before every source was known can never be closed and are left out.
    Errors: VintageDamaged.
    """
    zone, close = settings.config.reporting_timezone, settings.config.close
    month = (now.astimezone(ZoneInfo(zone)).date().replace(day=1) - timedelta(days=1)).replace(day=1)
    if now < close.cut_off(month, zone):
        month = (month - timedelta(days=1)).replace(day=1)
    known_since, closed = _known_since(settings), max(vintages.latest(Home(settings.home)), default=None)
    found: list[str] = []
    while known_since is not None and known_since < midnight(next_month(month), zone):
        if (closed is not None and f"{month:%Y-%m}" <= closed) or (closed is None and found):
            break
        found.append(f"{month:%Y-%m}")
        month = (month - timedelta(days=1)).replace(day=1)
    return found[::-1]


def close_due(
    settings: Settings, *, by: str = "", dry_run: bool = False, say: Any, now: datetime | None = None
) -> dict[str, Any]:
    """Close every month that is due; a refused one does not keep the others. Errors: as `closing.close`.

    Returns each month's checklist, a message and the exit code of the worst.
    """
    now = now or datetime.now(UTC)
    months = due(settings, now)
    found = [closing.close(settings, month, by=by or BY, dry_run=dry_run, now=now, say=say) for month in months]
    if not dry_run:
        _tell(settings, found, now)
    return {
        "code": max((one["code"] for one in found), default=PUBLISHED),
        "months": found,
        "message": " ".join(one["message"] for one in found) or "No month is due to be closed.",
    }


def _known_since(settings: Settings) -> datetime | None:
    """When the last source was first read; None where one never was."""
    first, sources = first_read(Landing(settings.landing).windows()), names_of_sources(settings)
    return max((first[name] for name in sources), default=None) if all(name in first for name in sources) else None


def _tell(settings: Settings, found: Sequence[dict[str, Any]], now: datetime) -> None:
    """One alert a month that is refused, with the checks that refuse it; over once the month is closed."""
    try:
        book, closed = Book(Home(settings.home)), vintages.latest(Home(settings.home))
        alerts = [_refused(one) for one in found if one["code"] != PUBLISHED]
        settle(
            book, Origin(settings, "", now.isoformat()), alerts, lambda kind, month: kind == KIND and month in closed
        )
        book.save()
    except Exception:
        logger.exception("alerts of the month's end could not be told")


def _refused(found: dict[str, Any]) -> Alert:
    checks = {item["check"]: len(item["rows"]) for item in found["checklist"] if item["status"] == "fail"}
    text = f"{found['month']} could not be closed: {', '.join(sorted(checks))}. Its forecast stays provisional."
    return Alert(
        KIND, f"The freeze of {found['month']} is refused", text, "critical", subject=found["month"],
        members=frozenset(checks), details={"failing_rows": checks}, runbook="month-not-closed",
    )  # fmt: skip

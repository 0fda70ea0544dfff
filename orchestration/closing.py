"""`funnel close MONTH`: the checklist, waivers, and the freeze of what was known at the cut-off."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from ingestion.settings import Settings
from orchestration import checklist, freezing, runner, vintages, waivers
from orchestration.checklist import FIRM, Item
from orchestration.errors import FunnelError, WrongUse, explain
from orchestration.home import Home
from orchestration.lock import RunLock
from orchestration.publish import code_version
from orchestration.rebuild import remade
from orchestration.session import Say, check_sources

WAIVABLE = ("extracted", "exceptions", "last_audit", "rates", "checks", *freezing.TO_DO, freezing.GUARD)


@dataclass(eq=False)
class MonthOpen(FunnelError):
    """A month cannot be closed yet."""

    runbook: str = "month-not-closed"
    code = 3


@dataclass(frozen=True)
class Waiver:
    """`--waive CHECK --reason TEXT --expires DATE`."""

    check: str
    reason: str
    expires: date


def close(
    settings: Settings,
    month: str,
    *,
    by: str,
    waive: Waiver | None = None,
    correct: bool = False,
    dry_run: bool = False,
    now: datetime | None = None,
    say: Say,
) -> dict[str, Any]:
    """Close a month (`2026-06`); returns the checklist and, where frozen, the vintage's line of the chain.

    `by`: who signs; `correct`: freeze a further revision of a closed month. A dry run changes nothing.
    Errors: WrongUse, RunLocked, VintageDamaged, MonthOpen (a check says no), BuildFailed.
    """
    now, home, first = now or datetime.now(UTC), Home(settings.home), first_day(month)
    zone = settings.config.reporting_timezone
    cut_off = settings.config.close.cut_off(first, zone)
    try:
        with RunLock(home.lock):
            check_sources(settings, ())
            runner.log_to(home)
            vintages.refuse_damaged(home)
            _refuse_second(home, month, correct)
            today = now.astimezone(ZoneInfo(zone)).date()
            given = waivers.in_force(home, month, today)
            published = home.published / "current" / "funnel.duckdb"
            items = checklist.before(settings, first, cut_off, now) + checklist.of_tables(published, first)
            if waive is not None:
                given |= _waive(home, month, waive, items, by, now, today, dry_run)
            items = checklist.waived(items, given)
            is_late = settings.config.close.is_late(first, zone, now)
            found = {"month": month, "cut_off": cut_off.isoformat(), "is_late": is_late, "frozen_by": by}
            if dry_run or any(item.status == "fail" for item in items):
                return _told(found, items, dry_run)
            say(f"the tables as known at {cut_off.isoformat()} are built beside")
            with remade(settings, cut_off, say, known_at=cut_off) as made:
                built = [*checklist.of_tables(made.path, first), checklist.audit_of([str(c) for c in made.refused]),
                         *freezing.items(made, first)]  # fmt: skip
                kept = {item.check for item in built}
                items = [i for i in items if i.check not in kept] + checklist.waived(built, given)
                if any(item.status == "fail" for item in items):
                    return _told(found, items, dry_run)
                entry = {"known_at": cut_off.isoformat(), "frozen_at": now.isoformat(), "frozen_by": by,
                         "is_late": is_late or correct, "code_version": code_version()}  # fmt: skip
                line = vintages.freeze(home, made.path, first, entry)
            return _told(found | {"vintage": line}, items, dry_run)
    except OSError as error:
        raise explain(error) from error


def first_day(month: str) -> date:
    """Of a month written YYYY-MM. Errors: WrongUse."""
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", month):
        raise WrongUse(f"'{month}' is not a month.", "Write it as 2026-06.")
    return date(int(month[:4]), int(month[5:]), 1)


def text(found: dict[str, Any]) -> str:
    """The checklist for people."""
    marks = {"pass": "ok", "warn": "WARN", "fail": "FAIL", "waived": "waived"}
    lines = [f"{marks[item['status']]:<8}{Item(**item)}" for item in found["checklist"]]
    return "\n".join([*lines, found["message"]])


def _refuse_second(home: Home, month: str, correct: bool) -> None:
    if (entry := vintages.latest(home).get(month)) and not correct:
        raise WrongUse(
            f"{month} was closed by {entry['frozen_by']} on {entry['frozen_at'][:10]} (vintages/{entry['file']}).",
            "A frozen vintage is never rewritten; --correct freezes a further revision beside it.",
        )
    if correct and entry is None:
        raise WrongUse(f"{month} is not closed: there is nothing to correct.", f"`funnel close {month}` closes it.")


def _waive(
    home: Home, month: str, waive: Waiver, items: Sequence[Item], by: str, now: datetime, today: date, dry_run: bool
) -> dict[str, dict[str, Any]]:
    """Record the waiver (not in a dry run) with the rows it is about. Errors: WrongUse."""
    if waive.check not in WAIVABLE:
        why = "cannot be waived" if waive.check in FIRM else "is no check that refuses"
        raise WrongUse(f"`{waive.check}` {why}.", f"Can be waived: {', '.join(WAIVABLE)}.")
    rows = "; ".join(row for item in items if item.check == waive.check for row in item.rows)
    terms = {"month": month, "check": waive.check, "rows": rows, "reason": waive.reason, "by": by,
             "expires": waive.expires.isoformat()}  # fmt: skip
    if dry_run:
        return {waive.check: terms}
    given = waivers.give(home, month, waive.check, rows, waive.reason, by, waive.expires, now, today)
    return {waive.check: given}


def _told(found: dict[str, Any], items: Sequence[Item], dry_run: bool) -> dict[str, Any]:
    """The answer, with its exit code: 0 frozen or could be, 3 refused."""
    found = found | {"checklist": [asdict(item) for item in items]}
    month, failed = found["month"], [item for item in items if item.status == "fail"]
    if failed:
        refusal = MonthOpen(
            f"{month} is not closed: " + " ".join(str(item) for item in failed),
            f"A waiver lets a check pass: funnel close {month} --waive CHECK --reason TEXT --by NAME --expires DATE.",
        )
        return found | {"code": refusal.code, "message": str(refusal)}
    if dry_run:
        return found | {"code": 0, "message": f"{month} could be closed; nothing was changed (--dry-run)."}
    line = found["vintage"]
    late = ", late" if line["is_late"] else ""
    return found | {
        "code": 0,
        "message": f"{month} is closed{late}: vintages/{line['file']} (revision {line['revision']}, known at "
        f"{line['known_at']}, signed {line['frozen_by']}). The next `funnel run` publishes it.",
    }

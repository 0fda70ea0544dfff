"""What the guard says of the tables of a cut-off: its rules refuse a month's freeze, those of severity `freeze` too.

A run only warns of the latter (expectations/): what is published today may be mended tomorrow, what is frozen may not.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING

from orchestration import warehouse
from orchestration.checklist import Item

if TYPE_CHECKING:
    from expectations.gate import Finding
    from orchestration.session import Session

TO_DO = {
    "sources_reach_past_the_month": "Run `funnel run` once the source answers.",
    "counts_are_explained": "See docs/runbooks/reconciliation-differs.md.",
    "rates_are_there": "Add the rates to rates.csv (docs/operations.md, Exchange rates).",
    "quotas_are_in_force": "Correct targets.csv, or the goals in the CRM.",
}
"""Rules that refuse a freeze and nothing else, each with what to do; a waiver names the rule."""
GUARD = "guard"
"""The item of all other rules."""


def items(session: Session, month: date) -> list[Item]:
    """The guard's findings over a warehouse made as of a cut-off. `month`: first day of the month to be closed.

    Data Docs are left alone: they show what is published. Nothing is compared with the last audit, which saw later
    tables.
    """
    from expectations.gate import Facts, ask, guards, read, validate
    from orchestration.audit import end_of

    found: list[Finding] = []
    cutoff = end_of(month, session.settings.config.reporting_timezone)
    for guard in guards():
        with warehouse.connect(session.path, read_only=True) as connection:
            tables = {name: answer.frame() for name, answer in ask(connection, guard, cutoff).items()}
            frame = read(connection, guard)
        found += validate(guard, frame, Facts(month, {}, tables))
    return items_of(found)


def items_of(findings: Iterable[Finding]) -> list[Item]:
    """One line a rule of TO_DO, and one of all other rules that refuse."""
    rows: dict[str, list[str]] = {**{name: [] for name in TO_DO}, GUARD: []}
    for finding in findings:
        if finding.passed or finding.severity == "warn":
            continue
        name = finding.check.split(".")[1]
        rows[name if finding.severity == "freeze" else GUARD] += _rows(finding)
    lines = [_item(name, rows[name], "holds of the tables of the cut-off", "does not hold of the tables of the cut-off",
                   TO_DO[name]) for name in TO_DO]  # fmt: skip
    return [*lines, _item(GUARD, rows[GUARD], "the guard accepts the tables of the cut-off",
                          "the guard refuses the tables of the cut-off",
                          "See docs/runbooks/forecast-refused.md and audit-refused.md.")]  # fmt: skip


def _rows(finding: Finding) -> list[str]:
    if finding.severity != "freeze":
        return [str(finding)]
    return [str(row.get("what") or row) for row in finding.sample] or [finding.observed]


def _item(name: str, rows: list[str], good: str, bad: str, guidance: str) -> Item:
    return Item(name, "fail" if rows else "pass", bad if rows else good, tuple(rows), guidance)

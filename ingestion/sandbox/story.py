"""One record's story as it can be known: its state at each look at the portal, its values by effective time."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import NamedTuple

from ingestion.sandbox.model import ARCHIVE, MERGED, PURGE, RESTORE, SILENT, Record

NEVER = 1 << 60


class Deleted(NamedTuple):
    """From (archivedAt, or the first look that found nothing) to (the live version's modification date)."""

    since: int
    until: int
    how: str


class Story:
    """One record as it can be known: its state at each look, and its values by effective time."""

    def __init__(self, record: Record, looks: list[int], as_of: int) -> None:
        self.record, self.as_of = record, as_of
        self.seen = [look for look in looks if state(record, look)[0] in ("live", "archived")]
        self.known = self.seen[-1] if self.seen else None
        self.end = state(record, looks[-1])
        self.deletions = self._deletions(looks)
        self._lines: dict[str, list[tuple[int, str]]] = {}

    def line(self, name: str) -> list[tuple[int, str]]:
        """(effective, value), oldest first; of equal times in the order written."""
        if name not in self._lines:
            known = -1 if self.known is None else self.known
            found = [(c.since, c.value) for c in self.record.log if c.name == name and c.at <= known]
            self._lines[name] = sorted((e for e in found if e[0] < self.as_of), key=lambda entry: entry[0])
        return self._lines[name]

    def value(self, name: str, before: int = NEVER) -> str | None:
        """In force just before the given instant; cleared counts as none."""
        held = None
        for since, value in self.line(name):
            if since >= before:
                break
            held = value
        return held or None

    def deleted(self, before: int = NEVER) -> Deleted | None:
        limit = min(before, self.as_of)
        return next((d for d in self.deletions if d.since < limit and not d.until < limit), None)

    def _deletions(self, looks: list[int]) -> list[Deleted]:
        found: list[Deleted] = []
        begun: tuple[int, str] | None = None
        for look in looks:
            kind, since, modified = state(self.record, look)
            if kind == "archived" and begun is None:
                begun = (since, "archived")
            elif kind == "purged" and begun is None and any(seen < look for seen in self.seen):
                begun = (look, "absent")
            elif kind == "live" and begun:
                found.append(Deleted(begun[0], modified, begun[1]))
                begun = None
        return [*found, Deleted(begun[0], NEVER, begun[1])] if begun else found


def state(record: Record, at: int) -> tuple[str, int, int]:
    """(unborn | live | archived | purged | merged, since when, when last modified)"""
    state, since, modified = "unborn", 0, 0
    names = {ARCHIVE: "archived", PURGE: "purged", MERGED: "merged"}
    for change in record.log:
        if change.at > at:
            break
        if change.name in names:
            state, since = names[change.name], change.at
        else:
            if state == "unborn" or change.name == RESTORE:
                state, since = "live", change.at
            modified = modified if change.by == SILENT else change.at
    return state, since, modified


def money(text: str | None) -> str | None:
    """Decimal text with two places, half up; None where there is no number."""
    if not text:
        return None
    try:
        return str(Decimal(text).quantize(Decimal("0.01"), ROUND_HALF_UP))
    except InvalidOperation:
        return None

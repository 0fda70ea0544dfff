"""Words of the seeded world: changes, records, folding a record's log at an instant. No behaviour of vendors here.

All instants are epoch milliseconds (int, UTC). A record is nothing but its log of changes; what it "is" at an instant
is the fold of the changes made up to then.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime
from operator import itemgetter
from typing import NamedTuple

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000

# Authors of a change: a positive number is a user id (CRM_UI), these are machines.
WORKFLOW, IMPORT, INTEGRATION, MERGE, BULK = -1, -2, -3, -4, -5
SILENT = -6
"""Writes a value and its history, but moves no modification date."""

# Pseudo properties of the log: they change what a record is, not what it says.
ARCHIVE, RESTORE, PURGE, MERGED = "!archive", "!restore", "!purge", "!merged"

MERGED_IDS = "hs_merged_object_ids"


class Change(NamedTuple):
    """One write. `at`: when it was made. `since`: the timestamp it claims (earlier than `at` when backdated)."""

    at: int
    name: str
    value: str
    since: int
    by: int


class Record:
    """One CRM record. `born`: when it was made (createdAt). `own`: its unchanging values by position, `fixed`: shared
    unchanging properties. `links`: (at, object, id) associations, which never bump the modification date."""

    __slots__ = ("born", "fixed", "id", "links", "log", "own")

    def __init__(self, id: int, born: int, log: list[Change], own: tuple, fixed: dict[str, str], links: list) -> None:
        self.id, self.born, self.log, self.own, self.fixed, self.links = id, born, log, own, fixed, links

    def add(self, change: Change) -> None:
        """Insert behind every change made at the same instant or before."""
        self.log.insert(bisect_right(self.log, change.at, key=_AT), change)

    def upto(self, now: int) -> list[Change]:
        return self.log[: bisect_right(self.log, now, key=_AT)]

    def value(self, name: str, now: int) -> str | None:
        """The value in force at `now`: of the newest `since`; of equals, the one written last."""
        best: Change | None = None
        for change in self.log:
            if change.at > now:
                break
            if change.name == name and (best is None or change.since >= best.since):
                best = change
        return best.value if best else None


_AT = itemgetter(0)


class Status(NamedTuple):
    """kind: unborn, live, archived, purged, merged. `since`: of archival, purge or merge (ms)."""

    kind: str
    modified: int
    since: int
    survivor: int


UNBORN = Status("unborn", 0, 0, 0)


def status(record: Record, now: int) -> Status:
    """What the record is at `now`. Archiving does not touch the modification date, restoring does."""
    log = record.log
    position = bisect_right(log, now, key=_AT) - 1
    if position < 0:
        return UNBORN
    last = log[position]
    if last.name == PURGE:
        return Status("purged", last.at, last.at, 0)
    if last.name == MERGED:
        return Status("merged", last.at, last.at, int(last.value))
    if last.name != ARCHIVE:
        return Status("live", _moved(log, position), 0, 0)
    return Status("archived", _moved(log, position - 1), last.at, 0)


def _moved(log: list[Change], position: int) -> int:
    """When the modification date last moved, up to and including a place in the log (whose first change moves it)."""
    while log[position].by == SILENT:
        position -= 1
    return log[position].at


def histories(record: Record, now: int) -> dict[str, list[Change]]:
    """Every property's changes known at `now`, oldest first; equal timestamps in the order they were written."""
    found: dict[str, list[Change]] = {}
    late = set()
    for change in record.log:
        if change.at > now:
            break
        name = change.name
        if name[0] == "!":
            continue
        known = found.get(name)
        if known is None:
            found[name] = [change]
        else:
            if change.since < known[-1].since:
                late.add(name)
            known.append(change)
    for name in late:
        found[name].sort(key=lambda change: change.since)
    return found


_DAYS: dict[int, str] = {}


def iso(instant: int) -> str:
    """2026-08-31T20:00:00.000Z"""
    day, rest = divmod(instant, DAY)
    date = _DAYS.get(day)
    if date is None:
        date = _DAYS[day] = datetime.fromtimestamp(day * 86_400, UTC).strftime("%Y-%m-%dT")
    seconds, milli = divmod(rest, 1_000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{date}{hour:02}:{minute:02}:{second:02}.{milli:03}Z"


def instant(text: str | int | datetime) -> int:
    """Epoch ms of an ISO text (no zone = UTC), of a datetime or of a number of ms. ValueError when it is neither."""
    if isinstance(text, int):
        return text
    if isinstance(text, str):
        if text.strip().lstrip("-").isdigit():
            return int(text)
        text = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    moment = text if text.tzinfo else text.replace(tzinfo=UTC)
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000 + delta.microseconds // 1_000

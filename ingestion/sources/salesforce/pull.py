"""One object's extraction: everything (full) or what is new by its date, then what the dates do not tell.

Opportunities, leads and accounts are held against the source: its counts after every sync, its ids once a week or where
the counts differ. A record that is not even among the deleted ones any more is an absence; an overlooked one is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ingestion.instants import is_due, moment
from ingestion.landing import WindowWriter
from ingestion.sources.salesforce.api import Api, Json, since
from ingestion.sources.salesforce.objects import ObjectSpec
from ingestion.sources.salesforce.state import OVERLAP, Followed, fingerprint
from ingestion.sources.salesforce.times import is_true, milliseconds


@dataclass
class Count:
    """Records at the source: its own figures, and between which the live ones moved while we looked."""

    live: int
    low: int
    high: int
    deleted: int


@dataclass
class ObjectPull:
    """The extraction of one object into `writer`."""

    api: Api
    spec: ObjectSpec
    fields: tuple[str, ...]
    past: Followed
    writer: WindowWriter
    redact: Callable[[Json], Json]
    progress: Callable[[int, int | None], None]
    as_of: datetime | None = None
    began: datetime | None = None
    """The server's clock before anything was read: the next sync goes by it."""
    high: datetime | None = None
    live: dict[str, int] = field(default_factory=dict)
    """{id: date} of the records that are there, and `deleted`, as this sync leaves them; only of compared objects."""
    deleted: set[str] = field(default_factory=set)
    absent: list[str] = field(default_factory=list)
    withheld: set[str] = field(default_factory=set)
    """Live records that the source gave and that may not be landed."""
    held_back: int = 0
    """How many of those there are at the source, when last compared."""
    swept: datetime | None = None
    overlooked: int = 0
    count: Count | None = None

    def run(self) -> None:
        full = self.writer.kind == "full"
        before = self._live_count() if self.spec.counted_as else 0
        self.began = self.api.now()
        self.high, self.swept, self.held_back = self.past.high, self.past.swept, self.past.withheld
        if not full:
            self.live, self.deleted = dict(self.past.live), set(self.past.deleted)
        self._land(self.api.rows(self.spec, self.fields, self._where(full)))
        if not self.spec.counted_as:
            return
        if full:
            self._gone(self.past.live.keys() - self.live.keys() - self.deleted - self.withheld)
            self.held_back, self.swept = len(self.withheld), self.clock
        after = self._live_count()
        if not full and (is_due(self.past.swept, self.clock) or 0 <= after != len(self.live) + self.held_back):
            self._compare()
            after = self._live_count()
        self.count = self._counted(before, after)

    @property
    def clock(self) -> datetime:
        """By which the comparison is due: the run's as-of, else the server's clock."""
        return self.as_of or self.api.now()

    def details(self) -> dict[str, Any]:
        """For the window: where the next sync goes on."""
        began = self.began or self.api.now()
        return {
            "resume": (began - OVERLAP).isoformat(), "high": self.high and self.high.isoformat(),
            "as_of": self.as_of and self.as_of.isoformat(), "swept": self.swept and self.swept.isoformat(),
            "asked": fingerprint(self.fields, self.spec.where), "withheld": self.held_back,
        }  # fmt: skip

    def _where(self, full: bool) -> str:
        new = "" if full or self.past.resume is None else since(str(self.spec.cursor), self.past.resume)
        return " AND ".join(filter(None, [self.spec.where, new]))

    def _land(self, records: Iterable[Json], again: bool = False) -> None:
        """Land what is not landed yet in this version, or (`again`) whatever comes."""
        for record in records:
            id, at = str(record["Id"]), record.get(self.spec.cursor or "")
            date, found = milliseconds(at) or 0, moment(at)
            if found and (self.high is None or found > self.high):
                self.high = found
            if not again and self.past.recent.get(id) == date and self.writer.kind != "full":
                continue
            kept = self.writer.write(self.redact(record))
            if self.spec.counted_as:
                self._note(id, date, is_true(record.get("IsDeleted")), kept)
            if self.writer.rows % 1_000 == 0:
                self.progress(self.writer.rows, None)
        self.progress(self.writer.rows, None)

    def _note(self, id: str, date: int, deleted: bool, kept: bool) -> None:
        self.live.pop(id, None)
        self.deleted.discard(id)
        self.withheld.discard(id)
        if deleted:
            self.deleted.add(id)
        elif kept:
            self.live[id] = date
        else:
            self.withheld.add(id)

    def _compare(self) -> None:
        """Every id and date at the source against ours: what differs is read, what is gone is absent."""
        listed: dict[str, tuple[int, bool]] = {
            str(row["Id"]): (milliseconds(row.get(str(self.spec.cursor))) or 0, is_true(row.get("IsDeleted")))
            for row in self.api.rows(self.spec, ("Id", str(self.spec.cursor), "IsDeleted"), self.spec.where)
        }
        differing = [
            id
            for id, (date, deleted) in listed.items()
            if (id not in self.deleted if deleted else self.live.get(id) != date)
        ]
        known = self.live.keys() | self.deleted
        self.overlooked = sum(id not in known for id in differing)
        self._land(self.api.by_ids(self.spec, self.fields, differing), again=True)
        self._gone(self.live.keys() - listed.keys())
        self.held_back, self.swept = len(self.withheld), self.clock
        self.overlooked = max(0, self.overlooked - self.held_back)

    def _gone(self, ids: Iterable[str]) -> None:
        for id in sorted(ids):
            self.absent.append(id)
            self.live.pop(id, None)

    def _live_count(self) -> int:
        """The source's count of live records; -1 where counting takes it too long."""
        found = self.api.count(self.spec, deleted=False)
        return -1 if found is None else found

    def _counted(self, before: int, after: int) -> Count | None:
        every = self.api.count(self.spec)
        if every is None or min(before, after) < 0:
            return None
        live = after - self.held_back
        return Count(live, min(before, after) - self.held_back, max(before, after) - self.held_back, every - after)

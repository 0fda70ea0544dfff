"""One object's extraction: everything (full) or what moved (incremental), deletions, merges, and the source's count.

Public connectors lose archived deals, the history of archived deals, merges and purges. Hence the whole history is read
of every record whose modification date moved, the archived list is read at every sync, `hs_merged_object_ids` is
followed, search is walked by id (not by offset), and live ids are held against the source's count.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from ingestion.landing import WindowWriter
from ingestion.sources.hubspot.api import SEARCH_PAGE, Api, Json, above, identity
from ingestion.sources.hubspot.held import disagreements, is_due
from ingestion.sources.hubspot.objects import ObjectSpec
from ingestion.sources.hubspot.state import ObjectState, merged_ids, milliseconds
from ingestion.sources.hubspot.sweep import compare
from ingestion.sources.hubspot.walk import archived_pages, live_pages
from ingestion.sources.hubspot.weekly import Sweep, look

BATCH_THREADS = 4


@dataclass
class Count:
    """Live records at the source: its own figure, and between which figures it moved while we looked."""

    live: int
    low: int
    high: int
    archived: int


@dataclass
class ObjectPull:
    """The extraction of one object into `writer`. Of what was seen only ids and times stay in memory."""

    api: Api
    spec: ObjectSpec
    state: ObjectState
    writer: WindowWriter
    redact: Callable[[Json], Json]
    progress: Callable[[int, int | None], None]
    as_of: datetime | None = None
    began: int = 0
    """Newest modification the source showed before anything was read: the next sync and absences go by it, since what
    is modified while we read says nothing about records read before."""
    high: int = 0
    seen: array[int] = field(default_factory=lambda: array("q"))
    """Ids of the live records landed, for associations and the balance (with repeats)."""
    archived_now: dict[int, str] = field(default_factory=dict)
    losers: set[int] = field(default_factory=set)
    absent: set[int] = field(default_factory=set)
    nameless: set[int] = field(default_factory=set)
    """Ids whose record comes without its id: set aside at loading, but not purged."""
    forgotten: set[int] = field(default_factory=set)
    """People whom the source still has and who asked us to forget them: not landed, not counted."""
    stages: set[str] = field(default_factory=set)
    """Stage ids that the landed deals are in."""
    differing: set[int] = field(default_factory=set)
    """Live records whose value of some field is not the newest of that field's own history."""
    sweep: Sweep | None = None
    """What the weekly look found, where it was due."""

    def run(self) -> Count:
        """Full or incremental, as the writer's window says."""
        _, rows = self.api.search(self.spec, [], limit=1, newest_first=True)
        self.began = max(self.state.began, *(milliseconds(modified) or 0 for _, modified in rows), 0)
        count = self._full() if self.writer.kind == "full" else self._incremental()
        if self.differing:  # a write may have come between the two: look once more
            self.differing -= set(self._read(sorted(self.differing)))
        return self._less_forgotten(count)

    @property
    def clock(self) -> int:
        """Now, by which the weekly look is due: the run's as-of, else the source's newest modification (epoch ms)."""
        return round(self.as_of.timestamp() * 1000) if self.as_of else self.began

    @property
    def swept(self) -> int | None:
        """When everything was last looked at, after this sync."""
        return self.clock if self.sweep or self.writer.kind == "full" else self.state.swept

    def live_now(self) -> array[int]:
        """Sorted ids live after this extraction."""
        return self._live_now(array("q") if self.writer.kind == "full" else self.state.live)

    def _full(self) -> Count:
        """Read everything: live records, then archived ones (so that what is archived meanwhile is not lost)."""
        for page in live_pages(self.api, self.spec):
            self._land(page)
        for page in archived_pages(self.api, self.spec, slim=False):
            self._land(page)
        return self._balance(array("q"))

    def _incremental(self) -> Count:
        """Read what moved since the resume point, what was archived, restored or purged, and check the balance."""
        self.high = self.state.high
        changed = self._changed_ids()
        missing = self._read(changed)
        if self.state.held is not None and is_due(self.state.swept, self.clock):
            missing += self._look_at_everything()
        self._archived_changes()
        vanished = [n for n in self.state.archived if n not in self.archived_now and n not in self.losers]
        gone = self._read(vanished)
        self.absent |= set(gone)
        self.absent |= {n for n in missing if self.state.is_live(n)} - self.losers - self.archived_now.keys()
        return self._balance(self.state.live)

    def _changed_ids(self) -> Iterator[int]:
        """Ids modified since the resume point, walked by id: no window limit, and equal times do not matter."""
        last = 0
        while True:
            filters = [above(self.spec.modified, "GTE", self.state.resume or 0), above("hs_object_id", "GT", last)]
            left, rows = self.api.search(self.spec, filters, limit=SEARCH_PAGE)
            for number, modified in rows:
                moved = milliseconds(modified)
                if moved is None or self.state.recent.get(number) != moved:
                    yield number
            if left <= SEARCH_PAGE or not rows:  # not the rows' number: one without an id is no row
                return
            last = rows[-1][0]

    def _read(self, ids: Iterable[int], *, archived: bool = False) -> list[int]:
        """Batch-read ids side by side with the walk that yields them; land what comes; return the ids that did not."""
        missing: list[int] = []
        with ThreadPoolExecutor(BATCH_THREADS) as pool:
            reads = (
                (batch, pool.submit(self.api.batch, self.spec, batch, archived=archived))
                for batch in chunks(ids, self.spec.page)
            )
            for batch, read in _ahead(reads, BATCH_THREADS):
                records = read.result()
                self._land(records)
                missing += self._not_among(records, batch, archived)
        return missing

    def _not_among(self, records: list[Json], batch: list[int], archived: bool) -> list[int]:
        """Ids of a batch that do not exist. Where a record came without its id, each is asked for alone to tell."""
        named = {identity(record) for record in records}
        missing = sorted(set(batch) - named)
        if None in named:
            alone = {number for number in missing if self.api.batch(self.spec, [number], archived=archived)}
            self.nameless |= alone
            missing = [number for number in missing if number not in alone]
        return missing

    def _look_at_everything(self) -> list[int]:
        """The weekly sweep; what is new or differs is read with its history. Returns ids that we hold as live and the
        source does not give any more."""
        self.sweep = found = look(self.api, self.spec, self.state, set(self.seen), self.redact)
        gone = self._read([*found.missing, *found.changed, *found.unlisted])
        found.surplus = len(set(gone) & set(found.unlisted))
        return gone

    def _archived_changes(self) -> None:
        """The whole archived list by date; records newly in it are read with their history."""
        listed: list[int] = []
        for page in archived_pages(self.api, self.spec, slim=True):
            for record in page:
                if (number := identity(record)) is None:
                    continue
                self.archived_now[number] = record.get("archivedAt") or ""
                if self.state.archived.get(number) != self.archived_now[number]:
                    listed.append(number)
        if missing := set(self._read(listed, archived=True)):
            # Whether archived records are to be had by id is UNVERIFIED: where they are not, the list has them whole.
            for page in archived_pages(self.api, self.spec, slim=False):
                self._land([record for record in page if identity(record) in missing])

    def _land(self, records: Iterable[Json]) -> None:
        for record in records:
            properties = record.get("properties") or {}
            self.high = max(self.high, milliseconds(properties.get(self.spec.modified) or record.get("updatedAt")) or 0)
            number = identity(record)
            swallowed = properties.get("hs_merged_object_ids"), properties.get("hs_calculated_merged_vids")
            self.losers |= merged_ids(*swallowed) - {number}
            if record.get("archived"):
                if number is not None:
                    self.archived_now[number] = record.get("archivedAt") or ""
            elif number is not None:
                self.seen.append(number)
                (self.differing.add if disagreements(record) else self.differing.discard)(number)
            if stage := properties.get("dealstage"):
                self.stages.add(stage)
            if not self.writer.write(self.redact(record)) and number is not None:
                self.forgotten.add(number)
        self.progress(self.writer.rows, None)

    def _live_now(self, before: array[int]) -> array[int]:
        """Sorted ids live after this extraction. A record seen live and then archived or merged is not live."""
        now = set(before) | set(self.seen) if before else set(self.seen)
        return array("q", sorted(now - self.archived_now.keys() - self.losers - self.absent))

    def _balance(self, before: array[int]) -> Count:
        """Hold our live ids against the source's count; find and read what differs, once."""
        total, _ = self.api.search(self.spec, [], limit=1)
        ours = self._live_now(before)
        count = Count(total, total, total, len(self.archived_now))
        if total == len(ours):
            return self._note_absent(count)
        differences = compare(self.api, self.spec, ours, total)
        self._read(differences.theirs)
        missing = self._read(differences.ours)
        self.absent |= set(missing) - self.archived_now.keys()
        unlisted = len(differences.ours) - len(missing)  # alive by id, but not yet in the search index
        again, _ = self.api.search(self.spec, [], limit=1)
        unkept = len(self.nameless.difference(ours))  # counted by the source, but of no use without an id
        low, high = min(total, again) - unkept, max(total, again) + unlisted
        count = Count(again + unlisted, low, high, len(self.archived_now))
        return self._note_absent(count)

    def _less_forgotten(self, count: Count) -> Count:
        """The source's count without those who are kept out (each sync meets them again: they are no one we know)."""
        archived = len(self.forgotten & self.archived_now.keys())
        live = len(self.forgotten - self.archived_now.keys() - self.losers - self.absent)
        return Count(count.live - live, count.low - live, count.high - live, count.archived - archived)

    def _note_absent(self, count: Count) -> Count:
        """Full sync: whatever was known before and is nowhere now has been purged."""
        if self.state.live or self.state.archived:
            known = set(self.state.live) | self.state.archived.keys()
            nowhere = known - set(self.seen) - self.archived_now.keys() - self.losers
            if self.writer.kind == "full" and nowhere:
                self.absent |= set(self._read(sorted(nowhere - self.nameless)))
        return count


def chunks(items: Iterable[int], size: int) -> Iterator[list[int]]:
    """Lists of at most `size` items (itertools.batched is newer than Python 3.11)."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def _ahead(reads: Iterator[Any], depth: int) -> Iterator[Any]:
    """Keep up to `depth` submitted reads under way while the oldest is awaited."""
    waiting: list[Any] = []
    for read in reads:
        waiting.append(read)
        if len(waiting) > depth:
            yield waiting.pop(0)
    yield from waiting

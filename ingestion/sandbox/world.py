"""The seeded sales world: every change on one global timeline, its state as of a clock that can be moved.

World(seed=7, deals=2000) holds `deals` deals made within `months` before `now`, and goes on living for four months
after it. Nothing depends on the wall clock. Not thread-safe by itself: callers hold `world.lock`.
"""

from __future__ import annotations

import gc
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from random import Random
from threading import RLock

from ingestion.sandbox import incidents
from ingestion.sandbox.catalog import Catalog, portal
from ingestion.sandbox.generation import FIRST_ID, KINDS, generate
from ingestion.sandbox.model import DAY, Change, Record, instant, status

NOW = "2026-08-31T20:00:00Z"


class View:
    """All records of one object as of one instant: ids live and archived (ascending) and when each was modified."""

    def __init__(self, records: Iterable[Record], at: int) -> None:
        self.live: list[int] = []
        self.archived: list[int] = []
        self.modified: dict[int, int] = {}
        for record in records:
            state = status(record, at)
            if state.kind == "live":
                self.live.append(record.id)
                self.modified[record.id] = state.modified
            elif state.kind == "archived":
                self.archived.append(record.id)
        self.by_modified = sorted((modified, id) for id, modified in self.modified.items())


class World:
    """`now` moves by `advance`/`set_now` or by the tests' own edits (`write`, `archive`, …), each a millisecond on."""

    def __init__(
        self,
        seed: int = 7,
        deals: int = 2_000,
        months: int = 24,
        start: str | int | None = None,
        now: str | int = NOW,
        catalog: Catalog | None = None,
        home_currency: str = "EUR",
        portal_id: int = 8_675_309,
    ) -> None:
        self.seed, self.home_currency, self.portal_id = seed, home_currency, portal_id
        self.start_now = self._now = instant(now)
        self.start = self.start_now - months * 365 * DAY // 12 if start is None else instant(start)
        self.end = self.start_now + 125 * DAY
        self.lock = RLock()
        self.observed: set[int] = set()
        self.version = 0
        self._views: dict[tuple[str, int, int], View] = {}
        self._births: dict[str, list[tuple[int, int]]] = {}
        self._unsorted: set[str] = set()
        random = Random(seed)
        self.catalog = catalog or portal(random, deals, self.start, self.start_now)
        self.objects: dict[str, dict[int, Record]] = {kind: {} for kind in KINDS}
        if catalog is None:
            collecting = gc.isenabled()
            gc.disable()  # millions of small tuples and no cycles: collecting would only cost
            try:
                generate(self, random, deals)
            finally:
                if collecting:
                    gc.enable()

    # ---- clock and reading
    @property
    def now(self) -> int:
        return self._now

    def set_now(self, now: str | int) -> None:
        """ValueError when it would move the clock back."""
        moment = instant(now)
        if moment < self._now:
            raise ValueError(f"the world's clock cannot go back (now {self._now}, asked {moment})")
        self._now = moment

    def advance(self, days: float) -> None:
        self.set_now(self._now + int(days * DAY))

    def records(self, kind: str) -> Iterable[Record]:
        return self.objects[kind].values()

    def view(self, kind: str, at: int | None = None) -> View:
        """As of `at` (default: now)."""
        if kind in self._unsorted:
            self.objects[kind] = dict(sorted(self.objects[kind].items()))
            self._unsorted.discard(kind)
        key = (kind, self._now if at is None else at, self.version)
        if key not in self._views:
            if len(self._views) > 16:
                self._views.clear()
            self._views[key] = View(self.records(kind), key[1])
        return self._views[key]

    def observe(self) -> None:
        """Somebody reads the portal now: what vanishes later was at least visible at this instant (see truth.py)."""
        self.observed.add(self._now)

    # ---- edits of a running world (tests, faults, control endpoint)
    def _tick(self) -> int:
        self.version += 1
        self._now += 1
        return self._now

    def _standing(self, kind: str, id: int, *allowed: str) -> Record:
        """The record, if it is in one of the allowed states; ValueError otherwise, KeyError when there is none."""
        record = self.objects[kind][id]
        found = status(record, self._now).kind
        if found not in allowed:
            raise ValueError(f"{kind} {id} is {found}, not {' or '.join(allowed)}")
        return record

    def write(self, kind: str, id: int, values: dict[str, str], since: str | int | None = None, by: int = 501) -> int:
        """Write properties a millisecond from now; `since`: a backdated timestamp. Returns the instant (ms)."""
        record = self._standing(kind, id, "live")
        at = self._tick()
        for name, value in values.items():
            record.add(Change(at, name, value, at if since is None else instant(since), by))
        return at

    def link(self, kind: str, id: int, other: str, to: int, present: bool = True) -> None:
        """Associate a record with one of `other`, or (present=False) end that. Moves no modification date."""
        record = self._standing(kind, id, "live")
        at = self._tick()
        kept = [link for link in record.links if (link[1], link[2]) != (other, to)]
        record.links = [*kept, (at, other, to)] if present else kept

    def archive(self, kind: str, id: int) -> None:
        incidents.archive(self._standing(kind, id, "live"), self._tick())

    def restore(self, kind: str, id: int) -> None:
        incidents.restore(self._standing(kind, id, "archived"), self._tick())

    def purge(self, kind: str, id: int) -> None:
        incidents.purge(self._standing(kind, id, "live", "archived"), self._tick())

    def merge(self, kind: str, survivor: int, loser: int, mint: bool = False) -> int:
        """Returns the id that goes on."""
        first, second = self._standing(kind, survivor, "live"), self._standing(kind, loser, "live")
        return incidents.merge(self, kind, first, second, self._tick(), mint).id

    def bulk_import(self, count: int, made_by: dict[str, str], gap: int = 700) -> list[int]:
        """Deals made at once by an import or an integration; the clock moves on `gap` ms a deal. Returns their ids."""
        return incidents.bulk_import(self, count, made_by, gap)

    def mint(self, kind: str, at: int) -> int:
        """An unused id, greater than those of the records made before `at` (ids grow with the time of creation)."""
        known = self.objects[kind]
        if kind not in self._births:
            self._births[kind] = sorted((record.born, record.id) for record in known.values())
        births = self._births[kind]
        place = bisect_right(births, (at, 1 << 62))
        id = (births[place - 1][1] if place else FIRST_ID[kind]) + 1
        while id in known:
            id += 1
        return id

    def adopt(self, kind: str, record: Record) -> None:
        """Take in a record made outside the generation; the table is put in order of ids when next looked at."""
        self.objects[kind][record.id] = record
        self._unsorted.add(kind)
        self.version += 1


def nearest(ids: list[int], after: int) -> int:
    """Position of the first id ≥ `after` in an ascending list."""
    return bisect_left(ids, after)

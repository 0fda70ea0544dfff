"""One world whose deals are split over several CRMs, as in a company that grew by buying others.

A deal lives in one CRM, with what it was merged with; the people and companies around it are in each CRM that has a
deal of theirs, each time as a record of that CRM, so that only a person's hashed e-mail tells that they are one. Who
has no deal is in one CRM, and so is a lead record, not always in the one where the person's deal is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from threading import RLock
from types import MappingProxyType

from ingestion.sandbox.catalog import Catalog
from ingestion.sandbox.generation import KINDS
from ingestion.sandbox.model import MERGED, Record
from ingestion.sandbox.world import View, World

Ids = dict[str, set[int]]


class Part(World):
    """What one CRM holds of a world: the world's clock and catalog, its own records. Made by `split`."""

    def __init__(self, whole: World, ids: Ids) -> None:
        self.whole = whole
        self.seed, self.home_currency, self.portal_id = whole.seed, whole.home_currency, whole.portal_id
        self.start_now, self.start, self.end = whole.start_now, whole.start, whole.end
        self.lock: RLock = whole.lock
        self.catalog: Catalog = whole.catalog
        self.observed: set[int] = set()
        self.version = 0
        self._views: dict[tuple[str, int, int], View] = {}
        self._births: dict[str, list[tuple[int, int]]] = {}
        self._unsorted: set[str] = set()
        self.objects = {kind: {id: whole.objects[kind][id] for id in sorted(ids[kind])} for kind in KINDS}

    @property
    def _now(self) -> int:
        return self.whole.now

    @_now.setter
    def _now(self, now: int) -> None:
        self.whole.set_now(now)


def split(world: World, names: Sequence[str]) -> Mapping[str, Part]:
    """A part of the world a name; deterministic for the world's seed. One name holds everything."""
    random = Random(f"{world.seed} {' '.join(names)}")
    held: dict[str, Ids] = {name: {kind: set() for kind in KINDS} for name in names}
    for family in _families(world, "deals"):
        ids = held[random.choice(names)]
        ids["deals"] |= family
        for id in family:
            _add_linked(world, ids, world.objects["deals"][id])
    for kind in ("leads", "contacts", "companies"):
        for family in _families(world, kind):
            for name in [name for name in names if family & held[name][kind]] or [random.choice(names)]:
                held[name][kind] |= family
                for id in family:
                    _add_linked(world, held[name], world.objects[kind][id])
    return MappingProxyType({name: Part(world, ids) for name, ids in held.items()})


def _add_linked(world: World, ids: Ids, record: Record) -> None:
    for _, kind, other in record.links:
        if other in world.objects[kind]:
            ids[kind].add(other)


def _families(world: World, kind: str) -> list[set[int]]:
    """Records that are one after all merges, by their smallest id."""
    parent = {id: id for id in world.objects[kind]}

    def root(id: int) -> int:
        while parent[id] != id:
            parent[id] = id = parent[parent[id]]
        return id

    for record in world.records(kind):
        for change in record.log:
            if change.name == MERGED:
                one, other = sorted((root(record.id), root(int(change.value))))
                parent[other] = one
    families: dict[int, set[int]] = {}
    for id in sorted(parent):
        families.setdefault(root(id), set()).add(id)
    return list(families.values())

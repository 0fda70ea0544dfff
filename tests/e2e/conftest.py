"""Runs are dear: the story (a full run and two incremental ones) happens once a session, its first chapter once for all
workers; files that need more than that chapter are on one worker (tests/conftest.py).
"""

from __future__ import annotations

import fcntl
import os
import pickle
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ingestion.sandbox import truth
from ingestion.sandbox.model import SILENT, Change
from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from tests.e2e.killing import Interrupted, interrupted
from tests.e2e.product import Done, Product, differences, moment

SEED, DEALS, BEGINNING = 7, 400, "2026-06-30T20:00:00Z"
DAYS_ON = (20, 70)
FAULTS = (("429_retry_after", 11), ("500", 13), ("reset", 17), ("truncated_json", 19))
PAST = "2026-08-10T12:00:00Z"
"""An instant between two runs, within a month, at which nobody looked."""


@dataclass
class Chapter:
    """One run of the story: what it said, how its tables differ from the truth, and the home it left behind."""

    done: Done
    left: Product
    differences: dict[str, list[tuple[Any, ...]]]
    struck: Counter[str]
    retries: int


@dataclass
class Story:
    sandbox: Sandbox
    folder: Path
    chapters: list[Chapter] = field(default_factory=list)
    interrupted: Interrupted | None = None
    """The run that was killed before the last chapter."""

    @property
    def world(self) -> World:
        return self.sandbox.world

    def run(self, product: Product) -> Chapter:
        """A run over a line that fails every few requests, held against the truth at once, its home kept."""
        for kind, every in FAULTS:
            self.sandbox.faults.add(kind, every=every, match="/crm/", retry_after=0)
        done = product.run("--as-of", moment(self.world))
        struck = Counter(hit["kind"] for hit in self.sandbox.faults.struck)
        self.sandbox.faults.clear()
        found = differences(product.published, self.world, self.folder) if done.code == 0 else {}
        left = product.copy(self.folder / f"left-{len(self.chapters)}")
        retries = sum(stream["retries"] for stream in done.outcome.get("streams", []))
        self.chapters.append(Chapter(done, left, found, struck, retries))
        return self.chapters[-1]


@pytest.fixture(scope="session")
def beginning(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The story after its first, full run. Its home is for all workers: copy it."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "first-chapter"
    shared.mkdir(exist_ok=True)
    with Sandbox(World(seed=SEED, deals=DEALS, now=BEGINNING), rate=None, search_rate=None) as sandbox:
        with (shared / "lock").open("w") as lock, (shared / "chapter.pickle").open("a+b") as kept:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not kept.tell():
                first = Story(sandbox, shared)
                kept.write(pickle.dumps(first.run(Product(shared / "home", sandbox.url))))
                kept.flush()
            else:
                sandbox.world.observe()  # by the run that made the home
            kept.seek(0)
            chapter = pickle.load(kept)
        assert chapter.done.code == 0, chapter.done.text
        chapter.left.url = sandbox.url
        yield Story(sandbox, tmp_path_factory.mktemp("story"), [chapter])


@pytest.fixture(scope="session")
def story(beginning: Story) -> Story:
    """The whole story: time passes, people edit, funnel looks again; the last time after a run that was killed."""
    world, product = beginning.world, beginning.chapters[0].left.copy(beginning.folder / "home")
    for number, days in enumerate(DAYS_ON):
        with world.lock:
            edit(world, number)
            world.advance(days)
        if number + 1 < len(DAYS_ON):
            beginning.run(product)
            continue
        with interrupted(product, beginning.sandbox, moment(world)) as beginning.interrupted:
            beginning.run(product)
    return beginning


def edit(world: World, number: int) -> None:
    """What must happen between two looks and the seed does not promise: the same deals archived, then restored or
    purged; bulk imports with and without an id; a merge that mints a third record; a stay entered into the past; a deal
    that changes its pipeline; one that changes without its modification date.
    """
    deals = list(world.view("deals").live)
    if number == 0:
        for deal in deals[40:44]:
            world.archive("deals", deal)
        world.purge("deals", deals[44])
        world.bulk_import(60, {"hs_object_source": "INTEGRATION", "hs_object_source_id": "app"})
        world.bulk_import(7, {"hs_object_source": "IMPORT", "hs_object_source_id": "4711"})
    if number == 1:
        gone = [
            deal for deal in world.view("deals").archived if world.objects["deals"][deal].log[-1].name == "!archive"
        ]
        for deal in gone[:2]:
            world.restore("deals", deal)
        world.purge("deals", gone[2])
        world.merge("deals", deals[60], deals[61], mint=True)
    world.write("deals", deals[90 + number], {"pipeline": "2209100", "dealstage": "2209102"})
    world.write("deals", deals[100 + number], {"dealstage": "qualifiedtobuy"}, since="2026-05-05T05:05:05Z")
    quiet = [deal for deal in deals[110:] if world.objects["deals"][deal].log[-1].at < world.now]
    world.write("deals", quiet[number], {"amount": "4711.5", "hubspot_owner_id": ""}, by=SILENT)


def incidents(world: World, since: int, until: int) -> Counter[str]:
    """What befell deals in (since, until], by kind."""
    counts: Counter[str] = Counter()
    for record in world.records("deals"):
        for change in record.log:
            if since < change.at <= until:
                counts[_kind(change, record.born)] += 1
    for place in world.catalog.deal_stages.values():
        counts["retired stage"] += since < place[1].gone <= until
    return counts


def _kind(change: Change, born: int) -> str:
    if change.name.startswith("!"):
        return change.name[1:]
    if change.at > born and change.name == "pipeline":
        return "pipeline change"
    return "backdated" if change.name == "dealstage" and change.since < change.at and change.at > born else "edit"


def naive(world: World) -> dict[str, int]:
    """How many deals a naive reader gets wrong, by reason."""
    return next(iter(truth.rows(world, "naive")))

"""Killed with SIGKILL at the source and in publishing; one quiet run makes all good.

The run killed at the source is the one before the story's last chapter (conftest.py), whose tables test_truth.py holds
against the truth and against what is built from nothing. Every phase, every commit point and random instants:
tests/soak.
"""

from __future__ import annotations

import shutil

from orchestration import lock
from tests.e2e.conftest import Story
from tests.e2e.killing import Phases, Reader, dead_runs, kill, leftovers, locks
from tests.e2e.product import Product, ended, unequal


def clean(product: Product) -> bool:
    """Whether nothing tells of a kill any more."""
    assert (dead_runs(product), leftovers(product)) == ([], [])
    return [path for path in locks(product) if lock.holder(path)] == []


def test_killed_at_the_source_then_one_quiet_run(story: Story) -> None:
    found, after = story.interrupted, story.chapters[-1]
    assert found is not None
    assert found.windows >= 2
    assert found.leftovers, "killed where no window was being written"
    assert found.stood
    assert (after.done.code, after.done.outcome["outcome"]) == (0, "published"), after.done.text
    assert not any(after.differences.values())
    assert found.reader.wrong == []
    assert found.reader.looks > 20
    assert clean(after.left)


def test_killed_in_publishing_then_published(story: Story) -> None:
    """What the last chapter built, over the publication of the one before."""
    last = story.chapters[-1].left
    product = story.chapters[-2].left.copy(story.folder / "killed")
    shutil.copy2(last.warehouse, product.warehouse)
    published = product.current.readlink()
    with Reader(product) as reader:
        kill(product.start("publish"), Phases(product).publishing)
        assert any("releases/." in path for path in leftovers(product))
        assert product.current.readlink() == published
        done = ended(product.start("publish"))
    assert (done.code, done.outcome["outcome"]) == (0, "published"), done.text
    assert product.current.readlink() != published
    assert unequal(product.published, last.published) == {}
    assert reader.wrong == []
    assert reader.looks > 5
    assert clean(product)

"""SIGKILL in every phase of a run, one after the other over the same home; one quiet run makes all good."""

# ruff: noqa: F811 (pytest finds fixtures by the names of arguments)

from __future__ import annotations

from ingestion.landing import Landing
from tests.e2e.conftest import Story, beginning, story  # noqa: F401 fixtures
from tests.e2e.killing import Phases, Reader, kill, leftovers, loaded
from tests.e2e.product import WHEN_READ, moment, unequal
from tests.e2e.test_kill import clean


def test_killed_in_every_phase_then_one_quiet_run(story: Story) -> None:
    """Of two homes one chapter behind the world, one is left in peace."""
    as_of, behind = moment(story.world), story.chapters[-2].left
    undisturbed = behind.copy(story.folder / "undisturbed")
    assert undisturbed.run("--as-of", as_of).code == 0
    product = behind.copy(story.folder / "killed")
    published = product.current.readlink()
    story.sandbox.latency = 0.03
    left = {}
    with Reader(product) as reader:
        for phase in ("extracting", "loading", "building", "publishing"):
            of_disk = Phases(product)
            kill(product.start("run", "--as-of", as_of), getattr(of_disk, phase))
            landed = Landing(product.home / "landing").window_ids()
            left[phase] = (len(landed - loaded(product)), leftovers(product))
            assert product.current.readlink() == published, phase
        story.sandbox.latency = 0.0
        done = product.run("--as-of", as_of)

    assert (done.code, done.outcome["outcome"]) == (0, "published"), done.text
    assert product.current.readlink() != published
    assert unequal(product.published, undisturbed.published, WHEN_READ) == {}
    assert reader.wrong == []
    assert reader.looks > 20
    assert clean(product)
    assert left["extracting"][0] >= 2
    assert left["extracting"][1], "killed where no window was being written"
    assert left["loading"][0] >= 1, "killed after the last window was loaded"
    assert left["building"][0] == 0
    assert any("releases/." in path for path in left["publishing"][1])

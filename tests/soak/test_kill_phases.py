"""SIGKILL in every phase of a run, one after the other over the same home; one quiet run makes all good."""

# ruff: noqa: F811 (pytest finds fixtures by the names of arguments)

from __future__ import annotations

from tests.e2e.conftest import Story, beginning, story  # noqa: F401 fixtures
from tests.e2e.product import Product
from tests.e2e.test_kill import kill_in, product  # noqa: F401 a fixture


def test_killed_in_every_phase_then_one_quiet_run(story: Story, product: Product) -> None:
    left = kill_in(story, product, "extracting", "loading", "building", "publishing")
    assert left["extracting"][0] >= 2
    assert left["extracting"][1], "killed where no window was being written"
    assert left["loading"][0] >= 1, "killed after the last window was loaded"
    assert left["building"][0] == 0
    assert any("releases/." in path for path in left["publishing"][1])

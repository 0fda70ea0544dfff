"""Of two portals that were good, one goes down: the other is published, and what was read of the first stays."""

# ruff: noqa: F811 (pytest finds fixtures by the names of arguments)

from __future__ import annotations

import duckdb

from tests.e2e.product import differences, moment
from tests.e2e.test_two_portals import NOTHING, Two, each_is_its_own_truth, two  # noqa: F401 a fixture


def test_each_is_its_own_truth(two: Two) -> None:
    done = two.product.run("--as-of", moment(two.sandboxes[0].world))
    assert (done.code, done.outcome["outcome"]) == (0, "published"), done.text
    each_is_its_own_truth(two, two.product.published)


def test_one_may_be_down(two: Two) -> None:
    first, second = (sandbox.world for sandbox in two.sandboxes)
    for world in (first, second):
        world.advance(20)
    two.sandboxes[1].faults.add("401")
    before, known = two.product.current.readlink(), deals(two)
    done = two.product.run("--as-of", moment(first))
    assert (done.code, list(done.outcome["failed_sources"])) == (4, ["emea"]), done.text
    assert two.product.current.readlink() != before
    assert differences(two.product.published, first, two.folder, source="hubspot") == NOTHING
    assert deals(two) == known > 50


def deals(two: Two) -> int:
    """How many deals of the second portal are published."""
    with duckdb.connect(str(two.product.published), read_only=True) as connection:
        [(count,)] = connection.execute("select count(*) from marts.dim_deals where source = 'emea'").fetchall()
    return int(count)

"""SIGKILL at each commit point, by name, before it and after it: one quiet run makes the same tables each time."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from orchestration import lock
from tests.e2e.killing import dead_runs, leftovers, locks
from tests.e2e.product import LONGEST, WHEN_READ, Product, differences, moment, unequal

POINTS = {
    "a part is on disk": ("ingestion.landing:_PartFile.close", "after"),
    "a window has landed": ("ingestion.landing:WindowWriter.commit", "before after"),
    "records are inserted, not committed": ("ingestion.loading:_load_part", "after"),
    "a window is loaded": ("ingestion.loading:_load", "after"),
    "the clock is set": ("orchestration.warehouse:write_run_clock", "before after"),
    "the configuration is written": ("orchestration.warehouse:write_configuration", "after"),
    "models are built": ("orchestration.dbt_build:build", "before after"),
    "the build is noted": ("orchestration.warehouse:write_built_project", "before after"),
    "checks are recorded": ("orchestration.ledger:record_checks", "after"),
    "the build may be skipped next time": ("orchestration.unchanged:remember", "before after"),
    "a release's tables are written": ("orchestration.publish:_write_tables", "after"),
    "a release has its name": ("orchestration.publish:write_release", "before after"),
    "current is switched": ("orchestration.publish:switch", "before after"),
    "old releases are pruned": ("orchestration.publish:prune", "before after"),
    "the publication is recorded": ("orchestration.publish:record_publications", "before after"),
    "the outcome is kept": ("orchestration.runner:remember", "before after"),
    "how far sources came is kept": ("orchestration.freshness:remember_sources", "before after"),
    "alerts are kept": ("orchestration.alerts:Book.save", "before after"),
}
"""What is committed there → (module:function, sides)."""
CASES = [(name, point, side) for name, (point, sides) in POINTS.items() for side in sides.split()]


@dataclass
class Two:
    """A home one month behind its source, and one that caught up undisturbed."""

    world: World
    behind: Product
    undisturbed: Product


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    folder = tmp_path_factory.mktemp("commit_points")
    with Sandbox(World(seed=11, deals=120, now="2026-06-30T20:00:00Z"), rate=None, search_rate=None) as sandbox:
        behind = Product(folder / "behind", sandbox.url)
        assert behind.run("--as-of", moment(sandbox.world)).code == 0
        sandbox.world.advance(30)
        undisturbed = behind.copy(folder / "undisturbed")
        done = undisturbed.run("--as-of", moment(sandbox.world))
        assert done.code == 0, done.text
        assert not any(differences(undisturbed.published, sandbox.world, folder).values())
        yield Two(sandbox.world, behind, undisturbed)


@pytest.mark.parametrize(("name", "point", "side"), CASES, ids=[f"{side} {name}" for name, _, side in CASES])
def test_killed_there_then_one_quiet_run(two: Two, tmp_path: Path, name: str, point: str, side: str) -> None:
    product = two.behind.copy(tmp_path / "home")
    as_of = moment(two.world)
    killed = subprocess.run(
        [sys.executable, "-m", "tests.soak.killed", point, side, "run", "--as-of", as_of, "--json"],
        env=product.environment(), capture_output=True, text=True, timeout=LONGEST, check=False,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, f"{point} was never reached: {killed.stdout}{killed.stderr}"
    stands = [unequal(product.published, one.published, WHEN_READ) for one in (two.behind, two.undisturbed)]
    assert {} in stands, f"what stands published after the kill is neither the old nor the new: {stands}"
    done = product.run("--as-of", as_of)
    assert done.code == 0, done.text
    assert unequal(product.published, two.undisturbed.published, WHEN_READ) == {}
    assert (dead_runs(product), leftovers(product)) == ([], [])
    assert [path for path in locks(product) if lock.holder(path)] == []

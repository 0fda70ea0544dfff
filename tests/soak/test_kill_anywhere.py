"""SIGKILL at random instants, from the very first run on: whatever was hit, one quiet run makes all good."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from random import Random

import pytest

from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from orchestration import lock
from tests.e2e.killing import dead_runs, leftovers, locks
from tests.e2e.product import WHEN_READ, Product, differences, moment, unequal

KILLS = 6


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_instants(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    with Sandbox(World(seed=seed, deals=120, now="2026-06-30T20:00:00Z"), latency=0.02, rate=None) as sandbox:
        quiet, killed = Product(tmp_path / "quiet", sandbox.url), Product(tmp_path / "killed", sandbox.url)
        for days in (0, 30):
            sandbox.world.advance(days)
            as_of, started = moment(sandbox.world), time.monotonic()
            assert quiet.run("--as-of", as_of).code == 0
            whole = time.monotonic() - started
            for _ in range(KILLS):
                process = killed.start("run", "--as-of", as_of)
                try:
                    process.communicate(timeout=random.uniform(0.05, 1.0) * whole)
                except subprocess.TimeoutExpired:
                    os.kill(process.pid, signal.SIGKILL)
                    process.communicate()
                assert process.returncode in (0, -signal.SIGKILL)
            done = killed.run("--as-of", as_of)
            assert done.code == 0, done.text
            assert unequal(killed.published, quiet.published, WHEN_READ) == {}
            assert not any(differences(killed.published, sandbox.world, tmp_path).values())
            assert (dead_runs(killed), leftovers(killed)) == ([], [])
            assert [path for path in locks(killed) if lock.holder(path)] == []

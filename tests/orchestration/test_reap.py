"""Under the lock no other run is alive: what a killed process left unfinished is failed, what may yet begin is not."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from orchestration.runner import HERE, reap


def test_reap_fails_the_dead_and_leaves_the_waiting(tmp_path: Path) -> None:
    status = dg.DagsterRunStatus
    runs = {
        "killed": (status.STARTED, {}), "killed-early": (status.NOT_STARTED, HERE), "own": (status.STARTED, {}),
        "launched-in-the-ui": (status.NOT_STARTED, {}), "done": (status.SUCCESS, HERE),
    }  # fmt: skip
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        for run_id, (state, tags) in runs.items():
            instance.add_run(dg.DagsterRun(job_name="refresh", run_id=run_id, status=state, tags=tags))
        assert reap(instance, but="own") == 2
        after = {run_id: run.status for run_id in runs if (run := instance.get_run_by_id(run_id))}
    assert after == {run_id: state for run_id, (state, _) in runs.items()} | {
        "killed": status.FAILURE, "killed-early": status.FAILURE,
    }  # fmt: skip

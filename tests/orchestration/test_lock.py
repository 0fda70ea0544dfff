"""One run at a time, and the refusal says who holds the lock."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from orchestration import lock, warehouse
from orchestration.errors import FAILED, RunLocked
from orchestration.lock import RunLock

HOLDER = """
import sys, time
from pathlib import Path
from orchestration.lock import RunLock
with RunLock(Path(sys.argv[1]), "funnel run --full"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.lock"


def test_refusal_names_the_holder_and_the_kernel_frees_it(path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "held"
        with pytest.raises(RunLocked) as refused, RunLock(path):
            pass
        assert f"pid {process.pid} on " in str(refused.value)
        assert "`funnel run --full`" in str(refused.value)
        assert refused.value.code == FAILED
        assert str(process.pid) in (lock.holder(path) or "")
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    with RunLock(path, "next"):
        assert f'"pid": {os.getpid()}' in path.read_text()


def test_lock_is_taken_once_a_process_and_freed_by_the_outer_holder(path: Path) -> None:
    with RunLock(path):
        with RunLock(path):
            pass
        assert lock.holder(path) is not None
    assert lock.holder(path) is None


def test_nobody_holds_a_lock_that_is_not_there(tmp_path: Path) -> None:
    assert lock.holder(tmp_path / "none" / "run.lock") is None


def test_warehouse_waits_for_a_dying_process(tmp_path: Path) -> None:
    file = tmp_path / "warehouse.duckdb"
    script = "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print('open', flush=True); time.sleep(1.0)"
    process = subprocess.Popen([sys.executable, "-c", script, str(file)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "open"
    with warehouse.connect(file) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    process.wait()


def test_a_holder_that_does_not_let_go_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.loading.WAIT_FOR_LOCK", 0.3)
    file = tmp_path / "warehouse.duckdb"
    script = "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print('open', flush=True); time.sleep(30)"
    process = subprocess.Popen([sys.executable, "-c", script, str(file)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(Exception, match=rf"held by another process.*PID {process.pid}"), warehouse.connect(file):
            pass
    finally:
        process.kill()
        process.wait()

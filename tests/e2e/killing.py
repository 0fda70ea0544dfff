"""Killing a run with SIGKILL in a phase, and what may and may not be left behind.

In the phases at the source and in publishing: test_kill.py; in every phase, at every commit point and at random
instants: tests/soak.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import duckdb

from ingestion.landing import MANIFEST, Landing
from ingestion.sandbox.serve import Sandbox
from orchestration.home import Home, read_json
from tests.e2e.product import Product

LOCK = ".lock"
"""A file that is there for good; what counts is who holds it."""
OBJECTS = {"deals", "contacts", "companies", "leads"}


class Reader:
    """A reader that opens what `current` names, again and again, and keeps whatever went wrong."""

    def __init__(self, product: Product) -> None:
        self.product, self.wrong, self.looks = product, [], 0  # type: tuple[Product, list[object], int]
        self._stop = Event()
        self._thread = Thread(target=self._read, daemon=True)

    def _read(self) -> None:
        while not self._stop.wait(0.3):
            try:
                folder = self.product.current.resolve(strict=True)
                manifest = read_json(folder / "manifest.json") or {}
                with duckdb.connect(str(folder / "funnel.duckdb"), read_only=True) as connection:
                    [(deals,)] = connection.execute("select count(*) from marts.dim_deals").fetchall()
                if deals != manifest["tables"]["marts.dim_deals"]["rows"]:
                    self.wrong.append((folder.name, deals))
                self.looks += 1
            except Exception as error:  # noqa: BLE001 whatever a reader meets is a finding
                self.wrong.append(error)

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


class Phases:
    """What the disk tells of the phase a run is in, compared with how it was before the run."""

    def __init__(self, product: Product) -> None:
        self.home = Home(product.home)
        self.before = Landing(self.home.landing).window_ids()
        self.log = self.home.logs / "dbt.log"
        self.log_size = self.log.stat().st_size if self.log.exists() else 0
        self._stat: object = None

    def extracting(self) -> bool:
        """The first streams have landed, others have not."""
        return len(self._landed()) >= 2

    def loading(self) -> bool:
        """All objects have landed, and the warehouse has been written to since."""
        if self._landed() < OBJECTS | {"owners", "properties", "source_counts"}:
            return False
        self._stat, before = self._warehouse(), self._stat
        return before is not None and before != self._stat

    def building(self) -> bool:
        """dbt has made some of its models."""
        if not self.log.exists() or self.log.stat().st_size == self.log_size:
            return False
        with self.log.open(encoding="utf-8") as file:
            file.seek(self.log_size)
            return file.read().count("OK created") >= 25

    def publishing(self) -> bool:
        """A release is being written."""
        return any((self.home.published / "releases").glob(".*/funnel.duckdb"))

    def _landed(self) -> set[str]:
        manifests = self.home.landing.glob(f"*/*/*/{MANIFEST}")
        return {path.parent.parent.name for path in manifests if path.parent.name not in self.before}

    def _warehouse(self) -> object:
        wal = Path(f"{self.home.warehouse}.wal")
        return [(p.stat().st_mtime_ns, p.stat().st_size) for p in (self.home.warehouse, wal) if p.exists()]


def kill(process: subprocess.Popen[str], when: Callable[[], bool]) -> None:
    """SIGKILL as soon as `when` holds; an error where the run ended before that."""
    while not when():
        assert process.poll() is None, f"ended before it could be killed: {process.communicate()}"
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def loaded(product: Product) -> set[str]:
    """Windows that raw holds; whoever was killed holds the file no longer."""
    with duckdb.connect(str(product.warehouse), read_only=True) as connection:
        return {row[0] for row in connection.execute("select window_id from raw._windows").fetchall()}


def dead_runs(product: Product) -> list[str]:
    """Statuses of Dagster's runs that say of themselves that they are alive."""
    import dagster as dg

    with dg.DagsterInstance.from_config(str(product.home / "dagster")) as instance:
        statuses = [run.status.value for run in instance.get_runs()]
    return [status for status in statuses if status not in ("SUCCESS", "FAILURE")]


def leftovers(product: Product) -> list[str]:
    """What a killed run may leave behind and the next one must clear away."""
    home = Home(product.home)
    unfinished = [p for p in home.landing.glob("*/*/*") if not (p / MANIFEST).exists()]
    hidden = [path for path in home.published.rglob(".*") if path.name != LOCK]
    temporary = [*home.root.rglob("*.tmp"), *hidden]
    return [str(path.relative_to(home.root)) for path in (*unfinished, *temporary, *home.landing.rglob(".*"))]


def locks(product: Product) -> list[Path]:
    """Every lock file of a home."""
    return [product.home / "run.lock", product.home / "published" / LOCK]


@dataclass
class Interrupted:
    """What a run killed at the source left (windows landed and not loaded, unfinished files), and what a reader saw
    from before the kill until the next run had ended. `stood`: whether the kill left `current` alone.
    """

    windows: int
    leftovers: list[str]
    stood: bool
    reader: Reader


@contextmanager
def interrupted(product: Product, sandbox: Sandbox, as_of: str) -> Iterator[Interrupted]:
    """A run killed while it extracts, over a line slow enough to be hit in the middle; within, another may go on."""
    published = product.current.readlink()
    with Reader(product) as reader:
        sandbox.latency = 0.03
        kill(product.start("run", "--as-of", as_of), Phases(product).extracting)
        sandbox.latency = 0.0
        landed = Landing(product.home / "landing").window_ids()
        stood = product.current.readlink() == published
        yield Interrupted(len(landed - loaded(product)), leftovers(product), stood, reader)

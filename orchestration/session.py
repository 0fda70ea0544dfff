"""One run: what was asked, when it started, what it did so far. Lives in the process that runs the job."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ingestion.errors import SourceError
from ingestion.loading import LoadReport, load_new, read_state
from ingestion.settings import Connection, Settings
from ingestion.stream import StreamReport
from orchestration import adjustments, freshness, own_models, vintages, waivers, warehouse
from orchestration.alerts import Alert
from orchestration.config_check import check_config, check_connections
from orchestration.errors import WrongUse, explain, nothing_extracted
from orchestration.home import Home
from orchestration.ledger import Check

logger = logging.getLogger("funnel")
Say = Callable[[str], None]
Progress = Callable[[str, str, int, int | None], None]


@dataclass(frozen=True)
class Request:
    """What a run was asked for. `as_of` as the user wrote it; `accept`: history checks to let pass this once."""

    sources: tuple[str, ...] = ()
    full: bool = False
    as_of: str | None = None
    publish: bool = False
    accept: tuple[str, ...] = ()


@dataclass
class Session:
    """State of a run; `as_of` and `started_at` in UTC."""

    request: Request
    settings: Settings
    run_id: str
    as_of: datetime
    started_at: datetime
    say: Say = logger.info
    progress: Progress | None = None
    reports: list[StreamReport] = field(default_factory=list)
    loads: list[LoadReport] = field(default_factory=list)
    refused: list[Check] = field(default_factory=list)
    warned: list[Check] = field(default_factory=list)
    failure: BaseException | None = None
    publication: dict[str, Any] | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    alerts: list[Alert] = field(default_factory=list)

    @property
    def home(self) -> Home:
        return Home(self.settings.home)

    @property
    def path(self) -> Path:
        return self.settings.warehouse

    @property
    def chosen(self) -> tuple[Connection, ...]:
        """The connections this run extracts."""
        wanted = self.request.sources
        return tuple(c for c in self.settings.connections if not wanted or c.name in wanted)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """The asset edge: times a step, and keeps the first error for the exit code and the person."""
        started = time.monotonic()
        try:
            yield
        except Exception as error:
            logger.exception("step %s of run %s failed", name, self.run_id)
            self.failure = self.failure or explain(error)
            raise self.failure from error
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - started

    def begin(self) -> dict[str, int]:
        """Write the clock and the configuration that models read; returns configured rows by table.

        Errors: ConfigError where funnel.yml names a stage or pipeline that nobody ever saw, or an own model is wrong.
        """
        check_config(self.settings)
        own_models.check(self.settings)
        warehouse.prepare(self.path)
        warehouse.write_run_clock(self.path, self.as_of, self.run_id, self.started_at)
        self.write_reach()
        vintages.load(self.path, self.home)
        waivers.load(self.path, self.home)
        adjustments.load(self.settings, self.started_at)
        return warehouse.write_configuration(self.path, self.settings, self.home.rates, self.home.targets)

    def write_reach(self) -> None:
        """Tell models how far each source's data reaches, by all runs before and by what this one has read."""
        known = freshness.reached_by(self.settings, self.as_of, freshness.came_through(self.reports))
        warehouse.write_reach(self.path, {c.name: known.get(c.name) for c in self.settings.connections}, self.as_of)

    def extract(self, vendor: str) -> list[StreamReport]:
        """Extract this run's connections of one vendor, side by side; a source's failure is in its reports."""
        connections = tuple(c for c in self.chosen if c.vendor == vendor)
        reports = self._extract(connections, full=self.request.full)
        self.reports += reports
        return reports

    def reread(self, sources: set[str]) -> None:
        """Read sources once more, incrementally, and load what came: the bounded answer to a difference in counts."""
        connections = tuple(c for c in self.settings.connections if c.name in sources)
        self.reports += self._extract(connections, full=False)
        self.loads += load_new(self.path, self.home.landing)

    def load(self) -> list[LoadReport]:
        """Landing to raw. Errors: NothingExtracted where every connection failed; banks' rates alone are nothing."""
        failed = self.failed_sources()
        chosen = {c.name for c in self.chosen}
        wanted = chosen - self.settings.references or chosen
        if wanted and self.reports and wanted <= failed.keys():
            raise nothing_extracted(failed)
        self.loads = load_new(self.path, self.home.landing)
        self.write_reach()
        return self.loads

    def failed_sources(self) -> dict[str, list[SourceError]]:
        """{source: errors of its streams} of this run's connections that did not come through whole."""
        failed: dict[str, list[SourceError]] = {}
        for report in self.reports:
            if report.error is not None:
                failed.setdefault(report.source, []).append(report.error)
        return failed

    def _extract(self, connections: tuple[Connection, ...], *, full: bool) -> list[StreamReport]:
        from ingestion.extract import extract

        states = {c.name: read_state(self.path, c.name, c.vendor, self.as_of) for c in connections}
        return extract(
            replace(self.settings, connections=connections), states, full=full, as_of=self.as_of, progress=self.progress
        )


_sessions: dict[str, Session] = {}


def register(session: Session) -> Session:
    """Make a session findable by its Dagster run id, for the steps of the run in this process."""
    _sessions[session.run_id] = session
    return session


def find(run_id: str) -> Session | None:
    """The session of a run of this process."""
    return _sessions.get(run_id)


def check_sources(settings: Settings, sources: tuple[str, ...]) -> None:
    """Errors: WrongUse where no connection is configured, or one is asked for that is not; see check_connections."""
    names = [connection.name for connection in settings.connections]
    if not set(names) - settings.references:
        raise WrongUse(
            "No connection is configured.",
            "Set HUBSPOT_ACCESS_TOKEN (in the environment, or in .env in the working directory or FUNNEL_HOME), "
            "or try `funnel demo`, which needs none.",
        )
    check_connections(settings)
    if unknown := [name for name in sources if name not in names]:
        raise WrongUse(f"--source {', '.join(unknown)} is not configured.", f"Configured: {', '.join(names)}.")

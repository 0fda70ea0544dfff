"""What a run is asked for, as Dagster run configuration (the launchpad's form), and a step's way to its session."""

from __future__ import annotations

import atexit
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from pydantic import Field

from ingestion.errors import ConfigError
from ingestion.settings import load_settings
from orchestration.clock import parse_as_of
from orchestration.errors import FunnelError, explain
from orchestration.home import Home
from orchestration.lock import RunLock
from orchestration.session import Request, Session, check_sources, find, register

PUBLICATION = dg.AssetKey(["published", "current"])
WRITER = "warehouse_writer"
"""Pool of one: within Dagster, one step at a time opens the warehouse. The kernel lock is what counts."""


class RunRequest(dg.ConfigurableResource):
    """Sources (none: all), full sync, as-of (date or instant; empty: now), publish even backwards, checks to accept."""

    sources: list[str] = Field(default_factory=list)
    full: bool = False
    as_of: str = ""
    publish: bool = False
    accept: list[str] = Field(default_factory=list)

    def session(self, context: Any) -> Session:
        """This run's session. A run launched from the UI takes the lock here, in its first step, and keeps it.

        Errors: RunLocked, ConfigError, WrongUse.
        """
        run_id = context.run.run_id
        return find(run_id) or self._open(run_id, context)

    def _open(self, run_id: str, context: Any) -> Session:
        from orchestration import shape, signals
        from orchestration.runner import built_as_of, reap

        settings = None
        try:
            settings, now = load_settings(), datetime.now(UTC)
            home = Home(settings.home)
            home.export()
            RunLock(home.lock, f"dagster run {run_id}").__enter__()  # freed with the process of the run
            shape.check(home)
            if count := reap(context.instance, but=run_id):
                signals.died(settings, run_id, count)
            request = Request(tuple(self.sources), self.full, self.as_of or None, self.publish, tuple(self.accept))
            check_sources(settings, request.sources)
            if context.run.job_name == "publish":  # of the tables as they stand
                as_of = built_as_of(settings)
            else:
                as_of = parse_as_of(request.as_of, settings.config.reporting_timezone, now)
        except (FunnelError, ConfigError, OSError) as error:
            signals.could_not_start(settings, explain(error))
            raise
        session = Session(request, settings, run_id, as_of, now, say=context.log.info)
        atexit.register(_end, session, context.run.asset_selection)
        return register(session)


def _end(session: Session, chosen: Collection[dg.AssetKey] | None) -> None:
    """The end of a run launched from the UI. Chosen steps without the publication that went well are no news."""
    from orchestration.runner import remember

    published, trouble = session.publication is not None, session.failure is not None or bool(session.refused)
    if published or trouble or chosen is None or PUBLICATION in chosen:
        remember(session, published)


def run_config(request: Request) -> dict[str, Any]:
    """The same request as run configuration, so that Dagster's history shows what a CLI run was asked for."""
    config = {
        "sources": list(request.sources),
        "full": request.full,
        "as_of": request.as_of or "",
        "publish": request.publish,
        "accept": list(request.accept),
    }
    quiet = {"console": {"config": {"log_level": "CRITICAL"}}}
    return {"resources": {"request": {"config": config}}, "loggers": quiet}

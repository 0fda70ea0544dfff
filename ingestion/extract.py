"""All connections side by side: each vendor's module extracts its own; one source's failure is its own report."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from ingestion.errors import SourceError
from ingestion.forgotten import admission
from ingestion.landing import Landing
from ingestion.registry import vendors
from ingestion.settings import Connection, Settings
from ingestion.stream import Progress, Pull, StreamReport


def extract(
    settings: Settings,
    states: Mapping[str, Any],
    *,
    full: bool = False,
    as_of: datetime | None = None,
    only: Collection[str] = (),
    progress: Progress | None = None,
) -> list[StreamReport]:
    """Extract every connection (of `only`, where given) into landing. `states`: {source: what loading.read_state gave}.

    Never opens the warehouse and never raises for a source: see StreamReport.error. Call under the run lock.
    """
    landing = Landing(settings.landing, admission(settings))
    landing.remove_unfinished()
    chosen = [connection for connection in settings.connections if not only or connection.name in only]
    if not chosen:
        return []

    def one(connection: Connection) -> list[StreamReport]:
        vendor = vendors()[connection.vendor]
        pull = Pull(
            connection,
            landing,
            states.get(connection.name),
            settings.pii_key,
            full,
            as_of,
            progress or (lambda source, stream, rows, expected: None),
            settings.config.asked_of(connection.name),
        )
        try:
            return vendor.extract(pull)
        except SourceError as error:
            report = StreamReport(connection.name, connection.vendor, error.stream, error=error)
            return [report]

    with ThreadPoolExecutor(len(chosen), thread_name_prefix="connection") as pool:
        return [report for reports in pool.map(one, chosen) for report in reports]

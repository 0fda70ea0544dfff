"""How far each source's data lies behind as-of, and which are beyond their budget (`staleness_hours` of funnel.yml).

A source has reached the as-of of the newest run in which all its streams came through and were loaded; that is kept in
FUNNEL_HOME/sources.json. Everything is measured against as-of, so that a replayed past is not called stale.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ingestion.settings import Settings
from ingestion.stream import StreamReport
from orchestration.home import Home, read_json, write_atomically


@dataclass(frozen=True)
class Age:
    """One source's age. `hours` is None where it never came through; then it is not `stale` but unknown."""

    source: str
    reached: datetime | None
    hours: float | None
    budget: float

    @property
    def stale(self) -> bool:
        return self.hours is not None and self.hours > self.budget

    def as_json(self) -> dict[str, Any]:
        """For the manifest, the outcome and `funnel status`."""
        reached = self.reached.isoformat() if self.reached else None
        return {"reached": reached, "age_hours": self.hours, "budget_hours": self.budget, "stale": self.stale}


def came_through(reports: Iterable[StreamReport]) -> set[str]:
    """Sources of which every stream that was read came through."""
    reports = list(reports)
    return {report.source for report in reports} - {report.source for report in reports if report.error}


def remember_sources(home: Home, sources: Iterable[str], as_of: datetime) -> None:
    """Note that these sources have reached `as_of`; an older as-of (a replay) takes nothing back."""
    before = _reached(home)
    after = before | {name: max(as_of, before.get(name, as_of)) for name in sources}
    if after != before:
        kept = {name: {"reached": instant.isoformat()} for name, instant in sorted(after.items())}
        write_atomically(home.sources, json.dumps(kept, indent=1))


def ages(settings: Settings, as_of: datetime, through: Iterable[str] = ()) -> dict[str, Age]:
    """The age of each configured source at `as_of` (UTC). `through`: sources that came through in the run that asks.

    A source that sources.json does not know counts from the newest record of the current publication.
    """
    reached = _published(Home(settings.home)) | reached_by(settings, as_of, through)
    return {c.name: age(settings, c.name, reached.get(c.name), as_of) for c in settings.connections}


def reached_by(settings: Settings, as_of: datetime, through: Iterable[str] = ()) -> dict[str, datetime]:
    """Up to when each source is known to have come through whole."""
    return _reached(Home(settings.home)) | dict.fromkeys(through, as_of)


def age(settings: Settings, source: str, reached: datetime | None, as_of: datetime) -> Age:
    """The age at `as_of` of a source that reached `reached`, with its budget."""
    hours = None if reached is None else round(max(0.0, (as_of - reached).total_seconds()) / 3600, 2)
    return Age(source, reached, hours, settings.config.staleness_budget(source))


def stale_sources(settings: Settings, as_of: datetime, through: Iterable[str] = ()) -> dict[str, Age]:
    """Configured sources that are beyond their budget at `as_of`, or never came through: {source: Age}.

    What freezes a month calls this with the forecast's as-of and refuses where the answer is not empty: figures that
    are frozen once must not rest on a source that was behind. An ordinary run publishes and alerts instead.
    """
    found = ages(settings, as_of, through)
    return {name: age for name, age in found.items() if age.stale or age.hours is None}


def _reached(home: Home) -> dict[str, datetime]:
    entries: Mapping[str, Any] = read_json(home.sources) or {}
    return {name: datetime.fromisoformat(entry["reached"]).astimezone(UTC) for name, entry in entries.items()}


def _published(home: Home) -> dict[str, datetime]:
    manifest = read_json(home.published / "current" / "manifest.json") or {}
    sources: Mapping[str, Any] = manifest.get("sources") or {}
    return {name: datetime.fromisoformat(source["extracted_at"]) for name, source in sources.items()}

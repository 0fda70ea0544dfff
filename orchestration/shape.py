"""Which release's shape a FUNNEL_HOME has (version.json), so that another release does not work on what it misreads.

The number changes when files that a run reads are laid out in another way; what a release can do is no reason.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any

from ingestion.errors import ConfigError
from ingestion.settings import Settings, load_settings
from orchestration.errors import OtherRelease
from orchestration.home import Home, read_json, write_atomically

FORMAT = 2
"""1: before this file existed. 2: version.json, alerts.json and sources.json beside what 1 had."""


def load(*, tell: bool = False) -> Settings:
    """Settings over a home that this release may use. `tell`: a wrong configuration is an alert too (unattended runs).

    Errors: ConfigError, OtherRelease.
    """
    try:
        settings = load_settings()
    except ConfigError as error:
        if tell:
            from orchestration import signals

            signals.could_not_start(None, error)
        raise
    refuse_newer(Home(settings.home))
    return settings


def check(home: Home) -> str | None:
    """Make the home this release's own; returns what was done to an older one. Call under the run lock, before a run.

    Errors: OtherRelease where the home is of a newer shape, or its version.json cannot be read; nothing is touched.
    """
    refuse_newer(home)
    found = read_json(home.version) or {}
    before = found.get("format") or (1 if home.warehouse.exists() or home.landing.exists() else None)
    if before == FORMAT and found.get("release") == version("funnel"):
        return None
    write_atomically(home.version, json.dumps({"format": FORMAT, "release": version("funnel")}))
    if before in (None, FORMAT):
        return None
    return f"FUNNEL_HOME was of format {before}; it is of format {FORMAT} now, older releases still read it"


def refuse_newer(home: Home) -> None:
    """Errors: OtherRelease where a newer release made this home."""
    if not home.version.exists():
        return
    found: dict[str, Any] | None = read_json(home.version)
    if found is None or not isinstance(found.get("format"), int):
        raise OtherRelease(
            f"{home.version} cannot be read as what a release of funnel writes.",
            "Restore it from your backup, or remove it if this release made the home.",
        )
    if found["format"] > FORMAT:
        raise OtherRelease(
            f"FUNNEL_HOME {home.root} was made by funnel {found.get('release', 'of a later release')} "
            f"(format {found['format']}); this is funnel {version('funnel')}, which knows formats up to {FORMAT}.",
            "Nothing was touched. Install that release again, or name another FUNNEL_HOME.",
        )

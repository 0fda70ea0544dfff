"""`funnel docs`: dbt's catalogue of models, columns, lineage and metrics, one HTML page in FUNNEL_HOME/docs."""

from __future__ import annotations

import shutil
from pathlib import Path

from ingestion.settings import Settings
from orchestration import dbt_build
from orchestration.errors import WrongUse
from orchestration.home import Home
from orchestration.lock import RunLock


def write(settings: Settings) -> Path:
    """Write the page and return its path. Errors: WrongUse before the first run, RunLocked, BuildFailed."""
    home = Home(settings.home)
    if not home.warehouse.exists():
        raise WrongUse(
            "There is nothing to describe yet.", "Run `funnel run`, or `funnel demo` without a portal, first."
        )
    page = home.root / "docs" / "catalogue.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    with RunLock(home.lock):  # dbt opens the warehouse to list its columns
        dbt_build.sync_packages(settings)
        dbt_build.invoke(settings, "docs", "generate", "--static")
        shutil.copyfile(home.target / "static_index.html", page)
    return page

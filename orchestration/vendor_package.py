"""Staging of the user's own vendors (FUNNEL_HOME/vendors/<vendor>/models), copied into a generated dbt package.

A copy, as orchestration/own_package.py makes one of the user's models. Its models stand in schema `staging` beside
ours, may use our macros, and are what `union_vendors` finds by name. See docs/adr/0019-own-vendors.md.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path

from orchestration import own_package
from orchestration.home import Home

PACKAGE = "own_vendors"


def sync(home: Home, vendors: Collection[str]) -> None:
    """Make the package the copy of these vendors' models (of those that are the user's own); none: no package."""
    files = {
        Path("models") / "staging" / vendor / name: path
        for vendor in vendors
        for name, path in own_package.read_by_dbt(home.vendors / vendor / "models").items()
    }
    if files:
        project = own_package.project_file(PACKAGE, "view", "staging")
        own_package.copy(home.packages / PACKAGE, project, files, home.root)
    else:
        shutil.rmtree(home.packages / PACKAGE, ignore_errors=True)

"""The vendors funnel knows: every module of `ingestion.sources` that declares VENDOR. No list to edit."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from ingestion import sources
from ingestion.stream import Vendor


@cache
def vendors() -> dict[str, Vendor]:
    """{vendor name: declaration}, in name order."""
    found: dict[str, Vendor] = {}
    for module in sorted(pkgutil.iter_modules(sources.__path__), key=lambda m: m.name):
        declared = getattr(importlib.import_module(f"ingestion.sources.{module.name}"), "VENDOR", None)
        if declared is not None:
            found[declared.name] = declared
    return found

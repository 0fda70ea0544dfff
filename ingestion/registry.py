"""The vendors funnel knows: each module of `ingestion.sources` that declares VENDOR, and the user's own. No list.

Vendors of one's own lie in FUNNEL_HOME/vendors, a folder each, named after the vendor: `source.py` (declares VENDOR),
`models/` (its staging) and, to try it, `sandbox.py` (its stand-in).
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import re
import sys
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from ingestion import sources
from ingestion.errors import ConfigError
from ingestion.stream import Vendor

_own: dict[str, Vendor] = {}


def vendors() -> dict[str, Vendor]:
    """{vendor name: declaration}, in name order."""
    return dict(sorted({**_ours(), **_own}.items()))


def use_own(folder: Path) -> None:
    """Know the vendors of this folder, and no longer those of another. Errors: ConfigError that names the file."""
    found = {vendor.name: vendor for path in own_folders(folder) for vendor in [_declared(path)]}
    _own.clear()
    _own.update(found)


def own_folders(folder: Path) -> list[Path]:
    """The folders of vendors of one's own, in name order."""
    return sorted(path.parent for path in folder.glob("*/source.py"))


def own_module(folder: Path, name: str) -> ModuleType:
    """A module of a vendor's own folder, which may import its neighbours (`from . import …`); imported once a process.

    Errors: ConfigError with whatever it raised.
    """
    package = f"funnel_own_{folder.name}"
    known = sys.modules.get(package)
    if known is None or list(known.__path__) != [str(folder)]:
        for old in [key for key in sys.modules if key == package or key.startswith(package + ".")]:
            del sys.modules[old]
        spec = ModuleSpec(package, None, is_package=True)
        spec.submodule_search_locations = [str(folder)]
        sys.modules[package] = importlib.util.module_from_spec(spec)
    try:
        return importlib.import_module(f"{package}.{name}")
    except Exception as error:  # whatever the user's module does wrong is wrong configuration
        raise ConfigError(
            f"vendors/{folder.name}/{name}.py cannot be imported: {type(error).__name__}: {error}."
        ) from error


@cache
def _ours() -> dict[str, Vendor]:
    found: dict[str, Vendor] = {}
    for module in sorted(pkgutil.iter_modules(sources.__path__), key=lambda m: m.name):
        declared = getattr(importlib.import_module(f"ingestion.sources.{module.name}"), "VENDOR", None)
        if declared is not None:
            found[declared.name] = declared
    return found


@cache
def _declared(folder: Path) -> Vendor:
    where, declared = f"vendors/{folder.name}/source.py", getattr(own_module(folder, "source"), "VENDOR", None)
    if not isinstance(declared, Vendor):
        raise ConfigError(f"{where} declares no VENDOR.")
    if declared.name != folder.name or not re.fullmatch(r"[a-z][a-z0-9_]*", declared.name):
        raise ConfigError(
            f"{where}: the vendor is called '{declared.name}', its folder '{folder.name}': name both alike."
        )
    if declared.name in _ours():
        raise ConfigError(f"{where}: funnel has a vendor {declared.name} of its own.")
    return declared

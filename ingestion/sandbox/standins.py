"""Stand-ins beside HubSpot's: each is one module that declares STAND_IN, and answers below `/<module's name>`.

STAND_IN makes it from the world; CREDENTIALS says what connects funnel to it, {name in the environment without the
vendor's: value}. It answers `answer(asked)`, and may say how a fault's rule looks in its vendor's own
words: `refusal(rule)`. Those of the user's own vendors are FUNNEL_HOME/vendors/<vendor>/sandbox.py.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ingestion import registry, sandbox
from ingestion.sandbox.world import World

Answer = tuple[int, Any, Mapping[str, str]]
"""(status, JSON or bytes, headers)."""


@dataclass(frozen=True)
class Asked:
    """One request, its path without the prefix. `body`: JSON, or {name: value} of a form. `headers`: names in lower
    case. `host`: the stand-in's address."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    body: Any
    headers: Mapping[str, str]
    host: str

    def first(self, name: str, otherwise: str = "") -> str:
        """The first value of a parameter."""
        return next(iter(self.query.get(name, ())), otherwise)


class StandIn(Protocol):
    """What a module's STAND_IN(world) is."""

    def answer(self, asked: Asked) -> Answer:
        """The vendor's answer. Called under no lock."""


def stand_ins(part: Callable[[str], World], own: Path | None = None) -> dict[str, Any]:
    """{vendor: stand-in} over what each holds of the world: ours, and those in the folder of the user's own vendors."""
    found: dict[str, Any] = {}
    for module in pkgutil.iter_modules(sandbox.__path__):
        if made := getattr(importlib.import_module(f"ingestion.sandbox.{module.name}"), "STAND_IN", None):
            found[module.name] = made(part(module.name))
    for folder in registry.own_folders(own) if own else ():
        if (folder / "sandbox.py").exists():
            found[folder.name] = registry.own_module(folder, "sandbox").STAND_IN(part(folder.name))
    return found


def refusal(stand_in: StandIn, rule: Mapping[str, Any]) -> Answer | None:
    """How a fault's rule looks in the vendor's own words; None where it is no plain refusal, or the vendor has none."""
    told = getattr(stand_in, "refusal", None)
    found: Answer | None = told(rule) if told else None
    return found

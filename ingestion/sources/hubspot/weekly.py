"""The weekly look at everything: ids and values held against what we have, whatever their dates say.

Modification dates are what a sync goes by, and some changes move none: calculated and bulk-written values, links
between records. Once a week the lists are read without histories (100 a page), and of each record a hash of its values
is compared with the newest version landed here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any

from ingestion.sources.hubspot.api import Api, Json, identity
from ingestion.sources.hubspot.held import values_hash
from ingestion.sources.hubspot.objects import ObjectSpec
from ingestion.sources.hubspot.state import ObjectState, milliseconds
from ingestion.sources.hubspot.walk import live_pages

SAMPLE = 5


@dataclass
class Sweep:
    """What one look at everything found, as ids."""

    listed: int = 0
    missing: list[int] = field(default_factory=list)
    """Live at the source, unknown or not live here."""
    changed: list[int] = field(default_factory=list)
    """Live here and there, with other values."""
    silent: list[int] = field(default_factory=list)
    """Those of the changed whose modification date did not move."""
    unlisted: list[int] = field(default_factory=list)
    """Live here, not listed there."""
    surplus: int = 0
    """The unlisted that are not to be had by id either."""

    def as_details(self) -> dict[str, Any]:
        """For the window's details."""
        return {
            "listed": self.listed, "missing": len(self.missing), "surplus": self.surplus,
            "silent_changes": len(self.silent), "sample": [str(number) for number in self.silent[:SAMPLE]],
        }  # fmt: skip


def look(
    api: Api, spec: ObjectSpec, state: ObjectState, just_read: Collection[int], redact: Callable[[Json], Json]
) -> Sweep:
    """List every live record without histories and compare. `just_read`: ids that this sync has read already."""
    found, listed = Sweep(), set(just_read)
    for page in live_pages(api, replace(spec, history=())):
        for record in page:
            if (number := identity(record)) is None:
                continue
            found.listed += 1
            listed.add(number)
            if number in just_read:
                continue
            if not state.is_live(number):
                found.missing.append(number)
            elif _says_more(state, number, redact(record)):
                found.changed.append(number)
                if not _is_late(spec, state, number, record):
                    found.silent.append(number)
    found.unlisted = [number for number in state.live if number not in listed]
    return found


def _says_more(state: ObjectState, number: int, record: Json) -> bool:
    held = state.held.get(number) if state.held else None
    return held != values_hash(record.get("properties") or {}, state.known)


def _is_late(spec: ObjectSpec, state: ObjectState, number: int, record: Json) -> bool:
    """Whether its date did move, and only the search does not list it yet."""
    moved = milliseconds((record.get("properties") or {}).get(spec.modified) or record.get("updatedAt"))
    return moved is not None and moved >= (state.resume or 0) and state.recent.get(number) != moved

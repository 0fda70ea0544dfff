"""What is held of each record, as a hash: its values and its links, against which the source's are compared.

Also whether a record agrees with its own history.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import orjson

SWEEP_EVERY = timedelta(days=7)
HASHED = "_hash"
"""End of the name that a personal value's hash lies under."""
CALM = ("hs_lastmodifieddate", "lastmodifieddate")
"""The dates themselves: what moves them is read by every sync."""


class Held:
    """{record id: hash of what we hold of it}, 16 bytes a record."""

    def __init__(self, pairs: Iterable[tuple[int, int]] = ()) -> None:
        ordered = sorted(pairs)
        self._ids = array("q", (number for number, _ in ordered))
        self._hashes = array("Q", (value for _, value in ordered))

    def get(self, number: int) -> int | None:
        position = bisect_left(self._ids, number)
        if position < len(self._ids) and self._ids[position] == number:
            return self._hashes[position]
        return None


def is_due(swept: int | None, clock: int) -> bool:
    """Whether the last sweep (epoch ms) is a week old at `clock`, or there was none."""
    return swept is None or clock - swept >= SWEEP_EVERY.total_seconds() * 1000


def values_hash(properties: Mapping[str, Any], known: Collection[str] = ()) -> int:
    """Of the values as landed (personal ones hashed), whatever their order; empty ones are none.

    `known`: names to look at, where given. A property that the portal dropped is in no new answer: no change of values.
    """

    def counts(name: str) -> bool:
        return name not in CALM and (not known or name in known or name.removesuffix(HASHED) in known)

    told = {name: value for name, value in properties.items() if value not in (None, "")}
    return _hash(sorted((name, str(value)) for name, value in told.items() if counts(name)))


def links_hash(links: Iterable[Mapping[str, Any]]) -> int:
    """Of a set of associations: whose, and of which types."""
    return _hash(
        sorted(
            (
                str(link.get("toObjectId")),
                sorted(str(kind.get("typeId")) for kind in link.get("associationTypes") or []),
            )
            for link in links
        )
    )


def _hash(value: Any) -> int:
    return int.from_bytes(blake2b(orjson.dumps(value), digest_size=8).digest(), "big")


def disagreements(record: Mapping[str, Any]) -> list[str]:
    """Properties of a record whose value is not the newest of their own history. No history at all tells nothing."""
    properties, found = record.get("properties") or {}, []
    for name, entries in (record.get("propertiesWithHistory") or {}).items():
        if not entries or name not in properties:
            continue
        newest = max(entries, key=lambda entry: _moment(entry.get("timestamp")))  # of equals the first: newest first
        if not _same(properties[name], newest.get("value")):
            found.append(name)
    return found


def _same(one: Any, other: Any) -> bool:
    """Equal as text, as number or as instant ("43" and "43.0", a date as ISO text or in milliseconds)."""
    one, other = str(one or "").strip(), str(other or "").strip()
    if one.upper() == other.upper():
        return True
    try:
        return float(one) == float(other)
    except ValueError:
        return (moment := _moment(one)) > 0 and moment == _moment(other)


def _moment(text: Any) -> float:
    """Epoch milliseconds of an ISO instant or of a number of milliseconds; 0 where it is neither."""
    if not text:
        return 0.0
    try:
        return float(text) if str(text).isdigit() else datetime.fromisoformat(str(text)).timestamp() * 1000
    except ValueError:
        return 0.0

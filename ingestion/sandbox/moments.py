"""A record's states by when they were written, as CRMs tell them that know of no other date.

HubSpot's history says since when a value holds; the others hold the value in force and date a change by its writing. A
forgotten stay entered into the past changes nothing in force, so nothing of theirs tells of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from itertools import groupby
from typing import NamedTuple

from ingestion.sandbox.model import ARCHIVE, MERGED, RESTORE, SECOND, Change, Record


class State(NamedTuple):
    """What a record says from an instant (ms, when it was written) on. `gone`: deleted or merged away since."""

    at: int
    by: int
    values: Mapping[str, str]
    close: str | None
    """The close date that was in force last: an emptied one stays."""
    gone: bool


def states(record: Record, now: int) -> Iterator[State]:
    """In order of writing, one an instant at which anything of the record was written."""
    held: dict[str, Change] = {}
    close: Change | None = None
    gone = False
    for at, changes in groupby(record.upto(now), key=lambda change: change.at):
        by = 0
        for change in changes:
            by = change.by
            gone = (gone or change.name in (ARCHIVE, MERGED)) and change.name != RESTORE
            known = held.get(change.name)
            if known is None or change.since >= known.since:
                held[change.name] = change
            if change.name == "closedate" and change.value and (close is None or change.since >= close.since):
                close = change
        yield State(at, by, {name: change.value for name, change in held.items()}, close and close.value, gone)


def second(at: int) -> int:
    """An instant (ms) as those show it that keep whole seconds."""
    return at - at % SECOND


def decimal(text: str | None) -> Decimal | None:
    """The amount in cents' precision, or none where the world's text is no number."""
    try:
        return cents(Decimal(text)) if text else None
    except InvalidOperation:
        return None


def cents(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"), ROUND_HALF_UP)

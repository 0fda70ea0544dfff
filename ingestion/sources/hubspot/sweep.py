"""Finding purged (and overlooked) records cheaply: the source's own counts over id ranges, bisected where they differ.

Equal counts cost one request; each difference costs about log2(records / 200) more. A search lags behind the
records, so what it does not list is read by id before it is called absent.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass, field

from ingestion.sources.hubspot.api import SEARCH_PAGE, Api, Json, above
from ingestion.sources.hubspot.objects import ObjectSpec

TOP = 2**63 - 1


@dataclass
class Differences:
    """Ids that only we know as live, and ids that only the source lists."""

    ours: list[int] = field(default_factory=list)
    theirs: list[int] = field(default_factory=list)


def compare(api: Api, spec: ObjectSpec, known: array[int], total: int) -> Differences:
    """Compare sorted `known` live ids with the source, whose count of all live records is `total`."""
    found = Differences()
    pending = [(0, TOP, total)]
    while pending:
        low, high, count = pending.pop()
        begin, end = bisect_left(known, low), bisect_left(known, high)
        if count == end - begin:
            continue
        if max(count, end - begin) <= SEARCH_PAGE:
            _list(api, spec, known[begin:end], low, high, found)
            continue
        middle = _middle(api, spec, known[begin:end], low, high)
        left, _ = api.search(spec, _between(low, middle), limit=1)
        pending += [(low, middle, left), (middle, high, count - left)]
    return found


def _list(api: Api, spec: ObjectSpec, known: array[int], low: int, high: int, found: Differences) -> None:
    _, rows = api.search(spec, _between(low, high), limit=SEARCH_PAGE)
    listed, ours = {number for number, _ in rows}, set(known)
    found.ours += sorted(ours - listed)
    found.theirs += sorted(listed - ours)


def _middle(api: Api, spec: ObjectSpec, known: array[int], low: int, high: int) -> int:
    """An id that cuts the range: our median, or the source's where we know (almost) nothing of it."""
    if len(known) >= 2 and known[len(known) // 2] > low:
        return known[len(known) // 2]
    _, rows = api.search(spec, _between(low, high), limit=SEARCH_PAGE)
    return rows[-1][0] if rows and rows[-1][0] > low else (low + high) // 2


def _between(low: int, high: int) -> list[Json]:
    limits = [above("hs_object_id", "GTE", low)] if low else []
    return limits + ([above("hs_object_id", "LT", high)] if high < TOP else [])

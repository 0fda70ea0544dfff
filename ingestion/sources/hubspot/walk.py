"""Walking a whole object: list pages in id order, several ranges side by side where the line is slow.

With 250 ms an answer, one walker takes 50 s for 200 pages, whatever the rate limit allows. A numeric cursor is an
id, so the id range can be split; each walker checks that its pages bear that out, else the walk goes on serially.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import Full, Queue

from ingestion.errors import CorruptResponse
from ingestion.sources.hubspot.api import SEARCH_WINDOW, Api, Json, above, identity, numeric_cursor
from ingestion.sources.hubspot.objects import ObjectSpec

SLOW_ANSWER = 0.06
"""Seconds from which one walker alone stays below the rate limit (190 in 10 s = one in 53 ms)."""
WALKERS = 4
PAGES_WORTH_SPLITTING = 12


class CursorIsNoId(Exception):
    """The list does not page by id after all."""


def archived_pages(api: Api, spec: ObjectSpec, *, slim: bool) -> Iterator[list[Json]]:
    """All archived records, page by page."""
    return _serial(api, spec, None, archived=True, slim=slim)


def live_pages(api: Api, spec: ObjectSpec) -> Iterator[list[Json]]:
    """All live records, page by page; a record that moves while we walk may come twice, none is left out."""
    first, after = api.page(spec, after=None)
    yield first
    if not after:
        return
    ids = [number for record in first if (number := identity(record)) is not None]
    latency = api.client.counts(spec.stream).latency
    if latency > SLOW_ANSWER and ids == sorted(ids) and numeric_cursor(after, ids[-1] if ids else None):
        total, _ = api.search(spec, [], limit=1)
        if total / spec.page >= PAGES_WORTH_SPLITTING:
            walkers = min(WALKERS, math.ceil(latency / 0.05))
            pivots = _pivots(api, spec, ids[-1], total, walkers)
            try:
                yield from _side_by_side(api, spec, after, pivots)
            except CursorIsNoId:
                pass  # every page is read again below: twice costs requests, never records
            else:
                return
    yield from _serial(api, spec, after)


def _serial(
    api: Api, spec: ObjectSpec, after: str | None, *, archived: bool = False, slim: bool = False
) -> Iterator[list[Json]]:
    seen: set[str] = set()
    while True:
        records, after = api.page(spec, after=after, archived=archived, slim=slim)
        yield records
        if not after:
            return
        if after in seen:
            raise CorruptResponse(api.source, spec.name, "endless paging: a cursor came a second time")
        seen.add(after)


def _pivots(api: Api, spec: ObjectSpec, lowest: int, total: int, walkers: int) -> list[int]:
    """Ids that cut the records above `lowest` into `walkers` about equal parts."""
    step = max(1, min((total - spec.page) // walkers, SEARCH_WINDOW - 1))
    pivots: list[int] = []
    start = lowest
    for _ in range(walkers - 1):
        _, rows = api.search(spec, [above("hs_object_id", "GT", start)], limit=1, after=step)
        if not rows:
            break
        start = rows[0][0]
        pivots.append(start)
    return pivots


def _side_by_side(api: Api, spec: ObjectSpec, after: str, pivots: list[int]) -> Iterator[list[Json]]:
    """Pages of all ranges as they come. `after` begins the first range, each pivot the next.

    Errors: CursorIsNoId as soon as a page contradicts id order; whatever a request raises.
    """
    pages: Queue[list[Json] | BaseException | None] = Queue(maxsize=2 * len(pivots) + 2)
    stop = threading.Event()

    def offer(item: list[Json] | BaseException | None) -> None:
        while not stop.is_set():
            try:
                return pages.put(item, timeout=0.1)
            except Full:
                continue

    def walk(start: str, end: int | None) -> None:
        try:
            for records in _range(api, spec, start, end):
                offer(records)
                if stop.is_set():
                    return
            offer(None)
        except BaseException as error:  # noqa: BLE001 - handed over to the consumer, who raises it
            offer(error)

    # A cursor of "one below the pivot" serves both readings of `after`: ids from it on, and ids above it.
    starts = [after, *(str(pivot - 1) for pivot in pivots)]
    with ThreadPoolExecutor(max_workers=len(starts)) as pool:
        for start, end in zip(starts, [*pivots, None], strict=True):
            pool.submit(walk, start, end)
        running = len(starts)
        try:
            while running:
                item = pages.get()
                if isinstance(item, BaseException):
                    raise item
                if item is None:
                    running -= 1
                else:
                    yield item
        finally:
            stop.set()


def _range(api: Api, spec: ObjectSpec, start: str, end: int | None) -> Iterator[list[Json]]:
    """Pages from cursor `start` up to, not including, id `end`; every page must bear out that cursors are ids."""
    cursor: str | None = start
    while cursor:
        records, following = api.page(spec, after=cursor)
        ids = [number for record in records if (number := identity(record)) is not None]
        in_order = ids == sorted(ids) and (not ids or ids[0] >= int(cursor))
        if not in_order or (following and not numeric_cursor(following, ids[-1] if ids else None)):
            raise CursorIsNoId
        yield [r for r in records if end is None or (identity(r) or 0) < end]
        cursor = following if end is None or not ids or ids[-1] < end else None

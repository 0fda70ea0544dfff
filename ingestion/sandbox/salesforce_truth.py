"""What must be found of the Salesforce org's opportunities, computed from the world's own changes.

Never looks at the wire's shapes, only at names (salesforce_ids.py). Bounded by what could be seen: an opportunity that
vanished is known as it was at the last look at the org. What is true at an instant is what had been written by then:
Salesforce has no other date. Instants are ISO, UTC, whole seconds; `as_of` is strict: what was written at it is later.

    transitions(world, as_of=ISO)   deals(world, as_of=ISO)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from ingestion.sandbox.model import ARCHIVE, DAY, MERGED, PURGE, RESTORE, Record, instant, iso
from ingestion.sandbox.salesforce_ids import MASTER, record_types, second, sf_id, stage_names
from ingestion.sandbox.world import World

NEVER = 10**18
Row = dict[str, Any]
Keeps = Callable[[int], bool]


class Fate:
    """How one deal fares in the org: its writing instants, and from when to when it is deleted there."""

    def __init__(self, record: Record, looks: list[int], bin_ms: int | None) -> None:
        self.record, self.bin_ms = record, bin_ms
        seen = [look for look in looks if self.state(look)[0] in ("live", "deleted")]
        self.known = seen[-1] if seen else None
        self.deletions: list[tuple[int, int, str]] = []
        """(from, until, how): deleted since it was, absent since the first look that found nothing."""
        begun: tuple[int, str] | None = None
        for look in looks:
            kind, since = self.state(look)
            if kind == "deleted" and begun is None:
                begun = since, "deleted"
            elif kind == "gone" and begun is None and any(earlier < look for earlier in seen):
                begun = look, "absent"
            elif kind == "live" and begun:
                self.deletions.append((begun[0], self.written(look)[-1], begun[1]))
                begun = None
        if begun:
            self.deletions.append((begun[0], NEVER, begun[1]))

    def state(self, at: int) -> tuple[str, int]:
        """(unborn | live | deleted | gone, since when)"""
        found, since = "unborn", 0
        for change in self.record.log:
            if change.at > at:
                break
            if change.name in (ARCHIVE, MERGED):
                found, since = "deleted", change.at
            elif change.name == PURGE:
                found, since = "gone", change.at
            elif found == "unborn" or change.name == RESTORE:
                found, since = "live", change.at
        if found == "deleted" and self.bin_ms is not None and at - since >= self.bin_ms:
            return "gone", since + self.bin_ms
        return found, since

    def written(self, until: int) -> list[int]:
        """Instants up to `until` at which anything was written."""
        return sorted({change.at for change in self.record.log if change.at <= until})

    def deleted(self, before: int) -> tuple[int, int, str] | None:
        return next((d for d in self.deletions if second(d[0]) < before and second(d[1]) >= before), None)


def transitions(world: World, as_of: str | int | None = None, **org: Any) -> Iterator[Row]:
    """Stays of opportunities in a stage: opportunity id, stage ApiName, entered_at, in order; neighbours differ."""
    limit, names = NEVER if as_of is None else instant(as_of), stage_names(world.catalog)
    for fate in fates(world, **org):
        before = None
        for at in fate.written(fate.known or 0):
            stage = fate.record.value("dealstage", at)
            if second(at) < limit and stage and stage != before:
                yield {
                    "opportunity_id": sf_id("Opportunity", fate.record.id),
                    "stage": names.get(stage, stage),
                    "entered_at": iso(second(at)),
                }
                before = stage


def deals(world: World, as_of: str | int | None = None, **org: Any) -> Iterator[Row]:
    """Opportunities that existed before `as_of`, with what had been written of them by then."""
    limit, names = NEVER if as_of is None else instant(as_of), stage_names(world.catalog)
    types = record_types(world.catalog)
    for fate in fates(world, **org):
        record = fate.record
        moments = [at for at in fate.written(fate.known or 0) if second(at) < limit]
        if not moments:
            continue
        at = moments[-1]
        stage = record.value("dealstage", at)
        place = world.catalog.deal_stages.get(stage or "")
        outcome = place[1].outcome if place else "open"
        owner, deleted = record.value("hubspot_owner_id", at), fate.deleted(limit)
        yield {
            "opportunity_id": sf_id("Opportunity", record.id),
            "stage": names.get(stage or "", stage),
            "record_type_id": types.get(record.value("pipeline", at) or "") or MASTER,
            "amount": _amount(record.value("amount", at)),
            "currency": record.value("deal_currency_code", at) or world.home_currency,
            "owner_id": sf_id("User", int(owner)) if owner else None,
            "outcome": outcome,
            "created_at": iso(second(record.born)),
            "is_deleted": deleted is not None,
            "deleted_at": iso(second(deleted[0])) if deleted else None,
            "deleted_how": deleted[2] if deleted else None,
        }


def fates(
    world: World, keeps: Keeps | None = None, observed: list[int] | None = None, bin_days: float | None = None
) -> Iterator[Fate]:
    """Of every deal of the org that could be seen. `observed`: the looks at it (default: all at the world, and now)."""
    looks = sorted(set(world.observed if observed is None else observed) | {world.now})
    for record in world.records("deals"):
        if record.born <= world.now and (keeps is None or keeps(record.id)):
            fate = Fate(record, looks, None if bin_days is None else int(bin_days * DAY))
            if fate.known is not None:
                yield fate


def _amount(text: str | None) -> str | None:
    try:
        return str(Decimal(text).quantize(Decimal("0.01"), ROUND_HALF_UP)) if text else None
    except InvalidOperation:
        return None

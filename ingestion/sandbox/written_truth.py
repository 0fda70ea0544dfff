"""What must be found of deals in a CRM that dates every change by its writing, computed from the world's own changes.

Never looks at the wire's shapes, only at a vendor's names (`Names`). Bounded by what could be seen: a deal that is gone
is known as it was at the last look. What is true at an instant is what had been written by then. Instants are ISO, UTC,
whole seconds; `as_of` is strict: what was written at it is later.

    transitions(world, names, as_of)   deals(world, names, as_of)   month_ends(world, names, as_of)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ingestion.sandbox.model import ARCHIVE, DAY, MERGED, PURGE, RESTORE, Record, instant, iso
from ingestion.sandbox.moments import decimal, second
from ingestion.sandbox.world import World

NEVER = 10**18
Row = dict[str, Any]
Keeps = Callable[[int], bool]


@dataclass(frozen=True)
class Names:
    """What a vendor calls the world's things. Stages: (pipeline id or None, stage id) of the world."""

    deal: Callable[[int], str]
    stage: Callable[[str], str]
    pipeline: Callable[[str | None, str], str | None]
    """(pipeline, stage) of the world → the vendor's pipeline."""
    owner: Callable[[int], str]
    no_amount: str | None = None
    """What a deal without an amount says."""
    restores_forget: bool = False
    """A record that only vanished and came back was never away, for all that anybody knows."""


class Fate:
    """How one deal fares in the CRM: its writing instants, and from when to when it is deleted there."""

    def __init__(self, record: Record, looks: list[int], bin_ms: int | None, forget: bool = False) -> None:
        self.record, self.bin_ms = record, bin_ms
        seen = [look for look in looks if self.state(look)[0] in ("live", "deleted")]
        self.known = seen[-1] if seen else None
        self.deletions: list[tuple[int, int, str]] = []
        """(from, until, how): deleted since it was, absent since just before the first look that found nothing."""
        begun: tuple[int, str] | None = None
        for look in looks:
            kind, since = self.state(look)
            if kind == "deleted" and begun is None:
                begun = since, "deleted"
            elif kind == "gone" and begun is None and any(earlier < look for earlier in seen):
                begun = look - 1, "absent"
            elif kind == "live" and begun:
                if begun[1] == "deleted" or not forget:
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


def transitions(world: World, names: Names, as_of: str | int | None = None, **crm: Any) -> Iterator[Row]:
    """Stays of deals in a stage: deal id, stage, entered_at, in order; neighbours differ."""
    limit = NEVER if as_of is None else instant(as_of)
    for fate in fates(world, names, **crm):
        before = None
        for at in fate.written(fate.known or 0):
            held = fate.record.value("dealstage", at)
            stage = names.stage(held) if held else None
            if second(at) < limit and stage and stage != before:
                yield {"deal_id": names.deal(fate.record.id), "stage": stage, "entered_at": iso(second(at))}
                before = stage


def deals(world: World, names: Names, as_of: str | int | None = None, **crm: Any) -> Iterator[Row]:
    """Deals that existed before `as_of`, with what had been written of them by then."""
    limit = NEVER if as_of is None else instant(as_of)
    for fate in fates(world, names, **crm):
        record = fate.record
        moments = [at for at in fate.written(fate.known or 0) if second(at) < limit]
        if not moments:
            continue
        at = moments[-1]
        stage = record.value("dealstage", at) or ""
        place = world.catalog.deal_stages.get(stage)
        owner, deleted = record.value("hubspot_owner_id", at), fate.deleted(limit)
        amount = decimal(record.value("amount", at))
        yield {
            "deal_id": names.deal(record.id),
            "stage": names.stage(stage) if stage else None,
            "pipeline_id": names.pipeline(record.value("pipeline", at), stage),
            "amount": names.no_amount if amount is None else str(amount),
            "currency": record.value("deal_currency_code", at) or world.home_currency,
            "owner_id": names.owner(int(owner)) if owner else None,
            "outcome": place[1].outcome if place else "open",
            "created_at": iso(second(record.born)),
            "is_deleted": deleted is not None,
            "deleted_at": iso(second(deleted[0])) if deleted else None,
            "deleted_how": deleted[2] if deleted else None,
        }


def month_ends(world: World, names: Names, as_of: str | int, **crm: Any) -> Iterator[Row]:
    """Deals open at each complete month's last instant (UTC), as they stood then: month_end, deal id, stage, amount."""
    limit = instant(as_of)
    first = min((record.born for record in world.records("deals")), default=limit)
    at = datetime.fromtimestamp(first / 1_000, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while True:
        following = at.replace(year=at.year + at.month // 12, month=at.month % 12 + 1)
        if (ends := round(following.timestamp() * 1_000)) > limit:
            return
        for row in deals(world, names, ends, **crm):
            if row["outcome"] == "open" and not row["is_deleted"]:
                yield {"month_end": iso(ends - DAY)[:10], **{n: row[n] for n in ("deal_id", "stage", "amount")}}
        at = following


def fates(
    world: World, names: Names, keeps: Keeps | None = None, observed: list[int] | None = None,
    bin_days: float | None = None,
) -> Iterator[Fate]:  # fmt: skip
    """Of every deal that could be seen. `observed`: the looks at it (default: all at the world, and now)."""
    looks = sorted(set(world.observed if observed is None else observed) | {world.now})
    for record in world.records("deals"):
        if record.born <= world.now and (keeps is None or keeps(record.id)):
            bin_ms = None if bin_days is None else int(bin_days * DAY)
            fate = Fate(record, looks, bin_ms, names.restores_forget)
            if fate.known is not None:
                yield fate


TABLES: dict[str, Callable[..., Iterator[Row]]] = {"deals": deals, "transitions": transitions}
"""What a stand-in's `truth(table, as_of)` may be asked for."""

"""What happens to records besides selling: merges, archival, restore, purge, backdating, bulk edits, leaving owners.

`merge`, `archive`, `restore` and `purge` act on one record at one instant and are also what tests call on a running
world; `strike` spreads all of it over a generated world.
"""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING

from ingestion.sandbox.behaviour import start_deal
from ingestion.sandbox.catalog import Stage
from ingestion.sandbox.model import (
    ARCHIVE,
    BULK,
    DAY,
    HOUR,
    MERGE,
    MERGED,
    MERGED_IDS,
    PURGE,
    RESTORE,
    Change,
    Record,
    status,
)

if TYPE_CHECKING:
    from ingestion.sandbox.world import World

PURGED_AFTER = 90 * DAY


def cut(record: Record, at: int) -> list[Change]:
    """Take the changes from `at` on out of the log and return them."""
    kept = record.upto(at - 1)
    rest = record.log[len(kept) :]
    record.log = kept
    return rest


def archive(record: Record, at: int) -> None:
    """Archived until restored (the caller's later call); what it would have lived through meanwhile is dropped."""
    cut(record, at)
    record.log.append(Change(at, ARCHIVE, "", at, BULK))


def restore(record: Record, at: int) -> None:
    cut(record, at)
    record.log.append(Change(at, RESTORE, "", at, BULK))


def purge(record: Record, at: int) -> None:
    """Gone without a trace (90 days after archival, or a GDPR deletion at once)."""
    cut(record, at)
    record.log.append(Change(at, PURGE, "", at, BULK))


def merge(world: World, kind: str, survivor: Record, loser: Record, at: int, mint: bool = False) -> Record:
    """Merge at `at`; returns the record that goes on: `survivor`, or with `mint` a third one with a new id.

    The survivor's `hs_merged_object_ids` lists every record that ever went into it, newest last.
    """
    listed = [text for text in (survivor.value(MERGED_IDS, at) or "").split(";") if text]
    gained = [text for text in (loser.value(MERGED_IDS, at) or "").split(";") if text]
    amount, stage = loser.value("amount", at), loser.value("dealstage", at)
    cut(loser, at)
    if mint:
        rest = cut(survivor, at)
        log = [change._replace(at=at) for change in survivor.log if change.name[0] != "!"]
        third = Record(world.mint(kind, at), at, log + rest, survivor.own, survivor.fixed, list(survivor.links))
        survivor.log.append(Change(at, MERGED, str(third.id), at, MERGE))
        world.adopt(kind, third)
        listed.append(str(survivor.id))
        survivor = third
    loser.log.append(Change(at, MERGED, str(survivor.id), at, MERGE))
    survivor.add(Change(at, MERGED_IDS, ";".join([*listed, *gained, str(loser.id)]), at, MERGE))
    if kind == "deals":
        _inherit(world, survivor, amount, stage, at)
    known = {(other, id) for _, other, id in survivor.links}
    survivor.links = survivor.links + [(at, *link[1:]) for link in loser.links if tuple(link[1:]) not in known]
    return survivor


def _inherit(world: World, survivor: Record, amount: str | None, stage: str | None, at: int) -> None:
    """A merge writes into the survivor's history too: often the same stage again, at times the loser's."""
    if amount and not survivor.value("amount", at):
        survivor.add(Change(at, "amount", amount, at, MERGE))
    own, pipeline = survivor.value("dealstage", at), survivor.value("pipeline", at)
    stages = world.catalog.deal_stages
    if own and stage and stage in stages and at % 5 == 0 and stages[stage][0].id == pipeline:
        survivor.add(Change(at, "dealstage", stage, at, MERGE))
    elif own and at % 2:
        survivor.add(Change(at, "dealstage", own, at, MERGE))


def bulk_import(world: World, count: int, made_by: dict[str, str], gap: int) -> list[int]:
    """`count` open deals made from now on, `gap` ms apart, by what `made_by` (hs_object_source…) says; their ids."""
    random, made = Random(f"{world.seed} import {world.now}"), []
    pipeline = world.catalog.pipelines["deals"][0]
    owner = next(owner for owner in world.catalog.owners if owner.born <= world.now < owner.gone)
    for number in range(count):
        at = world.now + gap
        world.set_now(at)
        life = start_deal(random, world.catalog, owner, pipeline, at, world.end)
        record = Record(world.mint("deals", at), at, life.changes, (f"Imported {number}", at), dict(made_by), [])
        world.adopt("deals", record)
        made.append(record.id)
    return made


def backdate(random: Random, world: World, record: Record) -> None:
    """Either a forgotten stay is entered later into the middle of the history, or the last move is recorded late."""
    moves = [change for change in record.log if change.name == "dealstage"]
    if len(moves) < 2 or sum(change.name == "pipeline" for change in record.log) > 1:
        return
    if random.random() < 0.5:
        last = moves[-1]
        record.log.remove(last)
        record.add(last._replace(at=last.at + random.randrange(2 * DAY, 20 * DAY)))
        return
    before, after = random.choice(list(pairwise(moves)))
    since = (before.since + after.since) // 2
    pipeline = world.catalog.deal_stages[before.value][0]
    forgotten = random.choice([stage.id for stage in pipeline.listed(since) if not stage.closed])
    record.add(Change(after.at + random.randrange(1, 15) * DAY, "dealstage", forgotten, since, before.by))


def retire(random: Random, world: World, stage: Stage) -> None:
    """The stage vanishes: its deals are moved on in one millisecond, a few are forgotten in it, some for good."""
    pipeline, _, position = world.catalog.deal_stages[stage.id]
    onward = next(other for other in pipeline.stages[position + 1 :] if other.born <= stage.gone < other.gone)
    held = [
        record
        for record in world.records("deals")
        if record.born < stage.gone and record.value("dealstage", stage.gone) == stage.id
    ]
    for number, record in enumerate(held):
        if number % 6:
            record.add(Change(stage.gone, "dealstage", onward.id, stage.gone, BULK))
        elif number % 12 == 0:
            cut(record, stage.gone + random.randrange(DAY))


def strike(random: Random, world: World) -> None:
    """All incidents of a generated world, spread over its past and its next two months."""
    deals = list(world.records("deals"))
    for record in random.sample(deals, len(deals) // 45):
        backdate(random, world, record)
    for pipeline in world.catalog.pipelines["deals"]:
        for stage in pipeline.stages:
            if stage.gone < world.end:
                retire(random, world, stage)
    _leave(random, world, deals)
    for offset, share in ((-210, 0.25), (-41, 0.35), (12, 0.1), (44, 0.15)):
        at = world.start_now + offset * DAY + 5 * HOUR + 417
        for record in deals:
            if record.born < at and random.random() < share:
                record.add(Change(at, "hs_priority", random.choice(("low", "medium", "high")), at, BULK))
    for kind, merges, archived in (("deals", 50, 28), ("contacts", 90, 60), ("companies", 150, 90), ("leads", 300, 60)):
        _merge_and_delete(random, world, kind, merges, archived)


def _leave(random: Random, world: World, deals: list[Record]) -> None:
    """An owner is archived: the open deals go to colleagues in one millisecond, closed ones keep the owner."""
    for owner in world.catalog.owners:
        if owner.gone >= world.end:
            continue
        at, id = owner.gone + HOUR, str(owner.id)
        heirs = [other for other in world.catalog.owners if other.born <= at < other.gone]
        for record in deals:
            if record.born < at and record.value("hubspot_owner_id", at) == id:
                stage = record.value("dealstage", at) or ""
                if world.catalog.deal_stages[stage][1].outcome == "open":
                    record.add(Change(at, "hubspot_owner_id", str(random.choice(heirs).id), at, BULK))


def _moment(random: Random, world: World, after: int) -> int:
    """An instant after `after`: for three of ten in the two months after the start `now`, else at any earlier time."""
    low, high = after + DAY, world.start_now
    if low >= high - DAY or random.random() < 0.3:
        low, high = max(low, world.start_now + DAY), world.start_now + 58 * DAY
    return random.randrange(low, max(high, low + DAY)) + random.randrange(7)


def _merge_and_delete(random: Random, world: World, kind: str, merges: int, archived: int) -> None:
    """One of `merges` records is merged away, one of `archived` archived; no record suffers both."""
    records = [record for record in world.records(kind) if record.born < world.start_now + 50 * DAY]
    if len(records) < 20:
        return
    order = random.sample(range(len(records) - 1), len(records) - 1)
    taken: set[int] = set()
    wanted = max(3, len(records) // merges)
    for index in order:
        pair = (index, index + 1)
        if wanted and not taken & {index - 1, *pair, index + 2}:
            wanted -= 1
            taken |= {*pair, index + 2}
            _merge_pair(random, world, kind, records[index : index + 3])
    wanted = max(4, len(records) // archived)
    for number, index in enumerate(i for i in order if i not in taken):
        if number >= wanted:
            break
        record = records[index]
        at = _moment(random, world, record.born)
        if number % 12 == 0:
            purge(record, at)
            continue
        rest = [change for change in record.log if change.at >= at]
        archive(record, at)
        if number % 4 == 1:
            back = at + random.randrange(3 * DAY, 30 * DAY)
            restore(record, back)
            record.log.extend(change for change in rest if change.at > back)
        else:
            purge(record, at + PURGED_AFTER + random.randrange(DAY))


def _merge_pair(random: Random, world: World, kind: str, trio: list[Record]) -> None:
    """The older one survives mostly. One merge in six mints a third id; one in six is a chain of two merges."""
    first, second = trio[:2]
    third = trio[2] if len(trio) > 2 else None
    survivor, loser = (first, second) if random.random() < 0.8 else (second, first)
    at = _moment(random, world, max(first.born, second.born))
    if not (status(survivor, at).kind == status(loser, at).kind == "live"):
        return
    roll = random.random()
    goes_on = merge(world, kind, survivor, loser, at, mint=kind == "deals" and roll < 0.17)
    if third and roll > 0.83:
        later = max(at, third.born) + random.randrange(1, 25) * DAY
        if status(third, later).kind == "live" == status(goes_on, later).kind:
            merge(world, kind, third, goes_on, later)

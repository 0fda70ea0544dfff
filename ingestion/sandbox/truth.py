"""The oracle: what funnel must find, computed from the world's own changes. Never looks at the wire's shapes.

"Must find" is bounded by what could be seen: a record that vanished is known as it was at the last instant at which
somebody read the portal (`world.observed`, and the world's now); what vanished before anybody looked is not a row.
Knowledge is the world's now, `as_of` cuts by the effective time of events (strictly before it). Times in answers are
ISO, UTC, ms.

    rows(world, "deals" | "transitions" | "month_ends" | "leads" | "lead_transitions" | "owners" | "naive",
         source="hubspot", as_of=ISO, tz="UTC", observed="ISO,ISO")
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from ingestion.sandbox import custom
from ingestion.sandbox.model import MERGED_IDS, MINUTE, RESTORE, Record, instant, iso
from ingestion.sandbox.story import NEVER, Story, money, state
from ingestion.sandbox.world import World

_NAIVE = (
    "deals", "merged", "archived", "purged", "restored", "backdated", "history_tied", "reopened", "pipeline_changed",
    "retired_stage", "zeroed_on_loss", "created_by_hand",
)  # fmt: skip
_DEAL_TYPES = {"newbusiness": "new_business", "existingbusiness": "upsell", "renewal": "renewal"}


class Visit(NamedTuple):
    pipeline: str
    stage: str
    entered: int


class Oracle:
    def __init__(self, world: World, source: str, as_of: int, observed: list[int]) -> None:
        self.world, self.source, self.as_of = world, source, as_of
        self.looks = sorted({look for look in observed if look <= world.now} | {world.now})
        self.listed = {
            stage.id
            for look in self.looks
            for pipeline in world.catalog.pipelines["deals"]
            for stage in pipeline.listed(look)
        }

    # ---- keys and values
    def key(self, *parts: str | int | None) -> str | None:
        if any(part is None for part in parts):
            return None
        return ":".join([self.source, *(str(part).replace(":", "%3A") for part in parts)])

    def outcome(self, stage: str) -> str:
        """open for stages nobody ever saw listed."""
        place = self.world.catalog.deal_stages.get(stage)
        return place[1].outcome if place and stage in self.listed else "open"

    # ---- stories
    def stories(self, kind: str) -> Iterator[Story]:
        """Of every record that could be known and exists at as_of."""
        for record in self.world.records(kind):
            if record.born <= self.world.now:
                story = Story(record, self.looks, self.as_of)
                if story.known is not None and (record.log[0].since < self.as_of or self._created(record) < self.as_of):
                    yield story

    def _created(self, record: Record) -> int:
        return record.own[1] if len(record.own) > 1 and isinstance(record.own[1], int) else record.born

    def merges(self, kind: str) -> dict[int, tuple[int, int]]:
        """Known loser → (its final survivor, when): of the merges made before as_of."""
        survivors = {}
        for record in self.world.records(kind):
            kind_now, since, _ = state(record, self.world.now)
            if kind_now == "merged" and since < self.as_of:
                survivors[record.id] = (int(record.log[-1].value), since)
        known = {story.record.id for story in self.stories(kind)}
        for story in self.stories(kind):
            if story.line(MERGED_IDS):
                for look in story.seen:
                    values = [c.value for c in story.record.log if c.name == MERGED_IDS and c.at <= look]
                    known |= {int(id) for value in values for id in value.split(";")}
        final = {}
        for loser, (survivor, since) in survivors.items():
            while survivor in survivors:
                survivor = survivors[survivor][0]
            if loser in known:
                final[loser] = (survivor, since)
        return final

    def visits(self, story: Story) -> list[Visit]:
        """Stays in (pipeline, stage), equal neighbours collapsed."""
        visits: list[Visit] = []
        for since, stage in story.line("dealstage"):
            if not stage:
                continue
            place = self.world.catalog.deal_stages.get(stage)
            pipeline = place[0].id if place else story.value("pipeline", since + 1) or ""
            if not visits or (visits[-1].pipeline, visits[-1].stage) != (pipeline, stage):
                visits.append(Visit(pipeline, stage, since))
        return visits

    def move(self, before: Visit | None, after: Visit) -> str:
        """The transition type of entering `after`."""
        if before is None:
            return "entry"
        outcome = self.outcome(after.stage)
        if outcome != "open":
            return outcome
        if self.outcome(before.stage) != "open":
            return "reopened"
        if before.pipeline != after.pipeline:
            return "pipeline_change"
        if not {before.stage, after.stage} <= self.listed:
            return "forward"
        places = self.world.catalog.deal_stages
        return "backward" if places[after.stage][2] < places[before.stage][2] else "forward"

    # ---- tables
    def deals(self) -> Iterator[dict[str, Any]]:
        merges = self.merges("deals")
        told = set()
        for story in self.stories("deals"):
            told.add(story.record.id)
            yield self._deal(story, merges.get(story.record.id))
        for loser, merge in merges.items():
            if loser not in told:  # never seen itself, only named by its survivor
                yield {
                    "deal_key": self.key(loser),
                    "source_deal_id": str(loser),
                    "outcome": "void",
                    "is_deleted": True,
                    "merged_into_deal_key": self.key(merge[0]),
                    "merged_at": iso(merge[1]),
                    "is_seen": False,
                }

    def _deal(self, story: Story, merge: tuple[int, int] | None) -> dict[str, Any]:
        visits, record = self.visits(story), story.record
        last = visits[-1] if visits else None
        outcome = self.outcome(last.stage) if last else "open"
        deleted = story.deleted()
        closed = last.entered if last and outcome != "open" else None
        raw_type = story.value("dealtype")
        return {
            "deal_key": self.key(record.id),
            "source_deal_id": str(record.id),
            "pipeline_key": self.key(last.pipeline) if last else None,
            "stage_key": self.key(last.pipeline, last.stage) if last else None,
            "outcome": "void" if merge else outcome,
            "is_open": outcome == "open",
            "is_won": outcome == "won",
            "is_lost": outcome == "lost",
            "is_deleted": bool(deleted or merge),
            "deleted_at": _time(merge[1] if merge else deleted.since if deleted else None),
            "deleted_how": "merged" if merge else deleted.how if deleted else None,
            "merged_into_deal_key": self.key(merge[0]) if merge else None,
            "merged_at": _time(merge[1]) if merge else None,
            "amount": money(story.value("amount")),
            "industry_segment": custom.segment(record.id) or None,
            **{name: custom.part(name, story.value("amount")) or None for name in custom.SHARES},
            "amount_at_close": _at_close(story, visits, closed, outcome),
            "currency": story.value("deal_currency_code"),
            "created_at": iso(self._created(record)),
            "closed_at": _time(closed),
            "close_date_at": _normal(story.value("closedate")),
            "owner_key": self.key(story.value("hubspot_owner_id")),
            "deal_type": _DEAL_TYPES.get(raw_type or "", "other"),
            "deal_type_raw": raw_type,
            "visits": len(visits),
            "is_seen": True,
        }

    def transitions(self) -> Iterator[dict[str, Any]]:
        merges = self.merges("deals")
        for story in self.stories("deals"):
            if story.record.id in merges:
                continue
            visits = self.visits(story)
            moves = [self.move(visits[i - 1] if i else None, visit) for i, visit in enumerate(visits)]
            for number, visit in enumerate(visits):
                after = visits[number + 1] if number + 1 < len(visits) else None
                before = visits[number - 1] if number else None
                yield {
                    "deal_key": self.key(story.record.id),
                    "visit_number": number + 1,
                    "pipeline_key": self.key(visit.pipeline),
                    "from_stage_key": self.key(before.pipeline, before.stage) if before else None,
                    "to_stage_key": self.key(visit.pipeline, visit.stage),
                    "entered_at": iso(visit.entered),
                    "exited_at": _time(after.entered if after else None),
                    "transition_type": moves[number],
                    "exit_type": moves[number + 1] if after else None,
                    "is_current": after is None,
                    "amount_at_entry": money(story.value("amount", visit.entered + 1)),
                    "currency": story.value("deal_currency_code", visit.entered + 1),
                    "owner_key_at_entry": self.key(story.value("hubspot_owner_id", visit.entered + 1)),
                    "is_deleted": story.deleted() is not None,
                }

    def month_ends(self, tz: str) -> Iterator[dict[str, Any]]:
        merges = self.merges("deals")
        ends = _month_ends(self.world, min(self.as_of, self.world.now), tz)
        for story in self.stories("deals"):
            visits = [] if story.record.id in merges else self.visits(story)
            for month_end, boundary in ends:
                current = [visit for visit in visits if visit.entered < boundary][-1:]
                if not current or self.outcome(current[0].stage) != "open" or story.deleted(boundary):
                    continue
                yield {
                    "month_end": month_end,
                    "deal_key": self.key(story.record.id),
                    "pipeline_key": self.key(current[0].pipeline),
                    "stage_key": self.key(current[0].pipeline, current[0].stage),
                    "owner_key": self.key(story.value("hubspot_owner_id", boundary)),
                    "amount": money(story.value("amount", boundary)),
                    "currency": story.value("deal_currency_code", boundary),
                }

    def leads(self) -> Iterator[dict[str, Any]]:
        """Contacts, as leads."""
        merges = self.merges("contacts")
        for story in self.stories("contacts"):
            merge, deleted = merges.get(story.record.id), story.deleted()
            yield {
                "lead_key": self.key(story.record.id),
                "created_at": iso(story.record.born),
                "lifecycle_stage": story.value("lifecyclestage"),
                "lead_status": story.value("hs_lead_status"),
                "owner_key": self.key(story.value("hubspot_owner_id")),
                "original_source": story.record.fixed.get("hs_analytics_source"),
                "is_deleted": bool(merge or deleted),
                "merged_into_lead_key": self.key(merge[0]) if merge else None,
            }

    def lead_transitions(self) -> Iterator[dict[str, Any]]:
        """Stays of contacts in a lifecycle stage; a cleared value ends a stay and opens none."""
        merges = self.merges("contacts")
        for story in self.stories("contacts"):
            if story.record.id in merges:
                continue
            moves: list[tuple[int, str]] = []
            for since, value in story.line("lifecyclestage"):
                if value != (moves[-1][1] if moves else ""):
                    moves.append((since, value))
            number, before = 0, None
            for place, (since, value) in enumerate(moves):
                if not value:
                    continue
                number += 1
                after = moves[place + 1][0] if place + 1 < len(moves) else None
                yield {
                    "lead_key": self.key(story.record.id),
                    "visit_number": number,
                    "from_stage": before,
                    "to_stage": value,
                    "entered_at": iso(since),
                    "exited_at": _time(after),
                    "is_current": after is None,
                }
                before = value

    def owners(self) -> Iterator[dict[str, Any]]:
        now = self.world.now
        for owner in self.world.catalog.owners:
            if owner.born <= now:
                yield {
                    "owner_key": self.key(owner.id),
                    "owner_name": f"{owner.first} {owner.last}",
                    "team_key": self.key(owner.team(now)),
                    "is_active": now < owner.gone,
                }

    def naive(self) -> Iterator[dict[str, Any]]:
        """How many deals a naive reader gets wrong, by the reason why."""
        counts: Counter[str] = Counter(dict.fromkeys(_NAIVE, 0))
        counts["merged"] = len(self.merges("deals"))
        for story in self.stories("deals"):
            counts["deals"] += 1
            log = [c for c in story.record.log if c.at <= (story.known or 0)]
            moves = [c for c in log if c.name == "dealstage"]
            kinds = Counter(c.since for c in moves)
            names = {c.name for c in log}
            visits = self.visits(story)
            counts["archived"] += story.end[0] == "archived"
            counts["purged"] += story.end[0] == "purged"
            counts["restored"] += RESTORE in names
            # A third record minted by a merge takes over old timestamps at its birth: that is no backdating.
            counts["backdated"] += any(c.since < c.at and c.at > story.record.born for c in moves)
            counts["history_tied"] += any(count > 1 for count in kinds.values())
            counts["reopened"] += any(self.move(a, b) == "reopened" for a, b in pairwise(visits))
            counts["pipeline_changed"] += len({visit.pipeline for visit in visits}) > 1
            counts["retired_stage"] += any(self._retired(visit.stage) for visit in visits)
            counts["created_by_hand"] += self._created(story.record) < moves[0].since if moves else False
            lost = bool(visits) and self.outcome(visits[-1].stage) == "lost"
            counts["zeroed_on_loss"] += lost and money(story.value("amount")) == "0.00"
        yield dict(counts)

    def _retired(self, stage: str) -> bool:
        place = self.world.catalog.deal_stages.get(stage)
        return place is None or place[1].gone <= self.world.now


def rows(
    world: World,
    table: str,
    source: str = "hubspot",
    as_of: str | int | None = None,
    tz: str = "UTC",
    observed: str | None = None,
) -> Iterator[dict[str, Any]]:
    """Rows of one table of truth. ValueError for an unknown one."""
    looks = [instant(text) for text in observed.split(",")] if observed else sorted(world.observed)
    oracle = Oracle(world, source, NEVER if as_of is None else instant(as_of), looks)
    if table == "month_ends":
        return oracle.month_ends(tz)
    if table not in ("deals", "transitions", "leads", "lead_transitions", "owners", "naive"):
        raise ValueError(f"no truth about {table!r}")
    return getattr(oracle, table)()


def _at_close(story: Story, visits: list[Visit], closed: int | None, outcome: str) -> str | None:
    """The amount in force when the closed stage was entered; for a loss zeroed in the minute before, the last positive
    one: as long as that was in force until then, whatever came between.
    """
    if closed is None:
        return None
    held = money(story.value("amount", closed + 1))
    if outcome != "lost" or held != "0.00":
        return held
    line = [(since, money(value)) for since, value in story.line("amount") if since <= closed]
    ends = [since for since, _ in line[1:]]
    for (_, value), until in reversed(list(zip(line, ends, strict=False))):
        if value and Decimal(value) > 0:
            return value if until >= closed - MINUTE else held
    return held


def _month_ends(world: World, limit: int, tz: str) -> list[tuple[str, int]]:
    """(last day, first instant of the next month) of the months complete by `limit`, in the given time zone."""
    zone = ZoneInfo(tz)
    first = min((c.since for r in world.records("deals") for c in r.log[:1]), default=limit)
    first = min([first, *(c.since for r in world.records("deals") for c in r.log if c.since < first)])
    day = datetime.fromtimestamp(first / 1_000, zone)
    year, month = day.year, day.month
    found: list[tuple[str, int]] = []
    while True:
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
        boundary = instant(datetime(year, month, 1, tzinfo=zone))
        if boundary > limit:
            return found
        last = datetime.fromtimestamp(boundary / 1_000 - 3 * 3_600, zone).date()
        found.append((last.isoformat(), boundary))


def _normal(text: str | None) -> str | None:
    return iso(instant(text)) if text else None


def _time(moment: int | None) -> str | None:
    return None if moment is None else iso(moment)

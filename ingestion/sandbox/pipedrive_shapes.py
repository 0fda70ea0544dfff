"""Records of the world in Pipedrive's shapes, and its names of the world's things.

Won and lost are no stages here: a deal keeps its last open stage and gets a status. A pipeline is its stage's.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import orjson

from ingestion.sandbox.catalog import Catalog
from ingestion.sandbox.model import Record, Status, iso
from ingestion.sandbox.moments import State, decimal, second, states
from ingestion.sandbox.written_truth import Names

if TYPE_CHECKING:
    from ingestion.sandbox.pipedrive import Pipedrive

Row = dict[str, Any]
_LOGGED = ("pipeline_id", "stage_id", "status", "value", "currency", "user_id", "expected_close_date")


def numbers(catalog: Catalog) -> tuple[dict[str, int], dict[str, int]]:
    """({pipeline id: number}, {open stage id: number}) of the world's."""
    pipelines = {pipeline.id: place for place, pipeline in enumerate(catalog.pipelines["deals"], 1)}
    stages = [id for id, (_, stage, _) in catalog.deal_stages.items() if not stage.closed]
    return pipelines, {id: place for place, id in enumerate(stages, 1)}


def names(catalog: Catalog) -> Names:
    """For the truth: won and lost are stages of our own making, `<pipeline>:won`."""
    pipelines, stages = numbers(catalog)

    def stage(id: str) -> str:
        pipeline, found, _ = catalog.deal_stages[id]
        return f"{pipelines[pipeline.id]}:{found.outcome}" if found.closed else str(stages[id])

    return Names(
        deal=str,
        stage=stage,
        pipeline=lambda pipeline, stage: str(pipelines[catalog.deal_stages[stage][0].id]),
        owner=str,
        no_amount="0.00",
    )


class Shapes:
    """Rows as of the world's now."""

    def __init__(self, company: Pipedrive) -> None:
        self.company, self.world = company, company.world
        self.pipelines_of, self.stages_of = numbers(self.world.catalog)

    def deals(self) -> Iterator[Row]:
        for record, found in self.company.records("deals"):
            yield self._deal(record, found)

    def changelog(self, id: int) -> list[Row] | None:
        """Newest first; the creation is no row."""
        held = {record.id for record, _ in self.company.records("deals")}
        if id not in held:
            return None
        record = self.world.objects["deals"][id]
        rows = []
        for (before, _), (after, state) in pairwise(self._standing(record)):
            rows += [
                {
                    "field_key": name, "old_value": _text(before[name]), "new_value": _text(after[name]),
                    "actor_user_id": state.by if state.by > 0 else None, "time": spaced(state.at),
                    "change_source": "app", "change_source_user_agent": None, "is_bulk_update_flag": False,
                }
                for name in _LOGGED
                if before[name] != after[name]
            ]  # fmt: skip
        return rows[::-1]

    def _standing(self, record: Record) -> Iterator[tuple[Row, State]]:
        """What the deal says at each of its states."""
        stage_id = won = lost = None
        for state in states(record, self.world.now):
            pipeline, stage, _ = self.world.catalog.deal_stages[state.values["dealstage"]]
            if not stage.closed:
                stage_id = self.stages_of[stage.id]
            elif stage_id is None or self._pipeline_of(stage_id) != pipeline.id:
                stage_id = next(self.stages_of[s.id] for s in pipeline.stages if not s.closed)
            won = (won or state.at) if stage.outcome == "won" else None
            lost = (lost or state.at) if stage.outcome == "lost" else None
            owner = state.values.get("hubspot_owner_id", "")
            yield (
                {
                    "pipeline_id": self.pipelines_of[pipeline.id],
                    "stage_id": stage_id,
                    "status": "deleted" if state.gone else stage.outcome,
                    "value": decimal(state.values.get("amount")) or Decimal(0),
                    "currency": state.values.get("deal_currency_code") or self.world.home_currency,
                    "user_id": int(owner) if owner.isdigit() else None,
                    "expected_close_date": state.close[:10] if state.close else None,
                    "won": won,
                    "lost": lost,
                },
                state,
            )

    def _pipeline_of(self, number: int) -> str:
        return next(self.world.catalog.deal_stages[id][0].id for id, place in self.stages_of.items() if place == number)

    def _deal(self, record: Record, found: Status) -> Row:
        told = list(self._standing(record))
        now, state = told[-1]
        since = state.at
        for standing, at in reversed(told):
            if standing["stage_id"] != now["stage_id"]:
                break
            since = at.at
        people = [link for link in record.links if link[1] == "contacts" and link[0] <= self.world.now][:1]
        won, lost = (None if now[name] is None else whole(now[name]) for name in ("won", "lost"))
        return {
            "id": record.id, "title": record.own[0], "owner_id": now["user_id"],
            "person_id": people[0][2] if people else None, "org_id": None, "pipeline_id": now["pipeline_id"],
            "stage_id": now["stage_id"], "value": number(now["value"]), "currency": now["currency"],
            "status": now["status"], "add_time": whole(record.born),
            "update_time": whole(max([state.at, *(at for at, _, _ in people)])),
            "stage_change_time": whole(since) if since > record.born else None, "won_time": won, "lost_time": lost,
            "close_time": won or lost, "lost_reason": state.values.get("closed_lost_reason") or None,
            "expected_close_date": now["expected_close_date"], "is_deleted": state.gone, "is_archived": False,
            "source_lead_id": None, "probability": None, "custom_fields": {},
        }  # fmt: skip

    def persons(self) -> Iterator[Row]:
        for record, found in self.company.records("contacts"):
            if found.kind == "live":
                name = f"{record.own[0]} {record.own[1]}"
                yield {
                    "id": record.id, "name": name, "first_name": record.own[0], "last_name": record.own[1],
                    "emails": [{"value": f"person{record.id}@example.com", "primary": True, "label": "work"}],
                    "phones": [], "owner_id": _owner(record, self.world.now), "org_id": None, "label_ids": [],
                    "add_time": whole(record.born), "update_time": whole(record.upto(self.world.now)[-1].at),
                    "is_deleted": False, "custom_fields": {},
                }  # fmt: skip

    def leads(self) -> Iterator[Row]:
        """Qualified or not, a closed one is archived."""
        closed = {s.id for pipeline in self.world.catalog.pipelines["leads"] for s in pipeline.stages if s.closed}
        for record, found in self.company.records("leads"):
            if found.kind != "live":
                continue
            now, person = self.world.now, [id for _, kind, id in record.links if kind == "contacts"]
            yield {
                "id": f"{record.id:08x}-0000-4000-8000-{record.id:012x}", "title": "Lead of somebody",
                "owner_id": _owner(record, now), "creator_id": _owner(record, now), "label_ids": [],
                "person_id": person[0] if person else None, "organization_id": None, "source_name": "Manually created",
                "origin": "ManuallyCreated", "origin_id": None, "channel": None, "channel_id": None, "value": None,
                "source_deal_id": None, "was_seen": True, "expected_close_date": None, "next_activity_id": None,
                "is_archived": record.value("hs_pipeline_stage", now) in closed, "visible_to": "3",
                "add_time": iso(record.born), "update_time": iso(record.upto(now)[-1].at),
            }  # fmt: skip

    def pipelines(self) -> Iterator[Row]:
        for pipeline in self.world.catalog.pipelines["deals"]:
            if pipeline.born <= self.world.now:
                yield {
                    "id": self.pipelines_of[pipeline.id], "name": pipeline.label,
                    "order_nr": self.pipelines_of[pipeline.id], "is_deleted": False,
                    "is_deal_probability_enabled": True, "is_selected": False, "add_time": whole(pipeline.born),
                    "update_time": whole(pipeline.born),
                }  # fmt: skip

    def stages(self) -> Iterator[Row]:
        for pipeline in self.world.catalog.pipelines["deals"]:
            for place, stage in enumerate(pipeline.stages, 1):
                if not stage.closed and stage.born <= self.world.now < stage.gone:
                    yield {
                        "id": self.stages_of[stage.id], "order_nr": place, "name": stage.label(self.world.now),
                        "is_deleted": False, "deal_probability": int(Decimal(stage.probability) * 100),
                        "pipeline_id": self.pipelines_of[pipeline.id], "is_deal_rot_enabled": False,
                        "days_to_rotten": None, "add_time": whole(stage.born),
                        "update_time": whole(stage.touched(self.world.now)),
                    }  # fmt: skip

    def users(self) -> Iterator[Row]:
        """Who left stays, inactive. The token is the first one's."""
        for place, owner in enumerate(o for o in self.world.catalog.owners if o.born <= self.world.now):
            yield {
                "id": owner.id, "name": f"{owner.first} {owner.last}", "email": f"owner{owner.id}@example.com",
                "active_flag": self.world.now < owner.gone, "created": spaced(owner.born),
                "modified": spaced(owner.touched(self.world.now)), "default_currency": self.world.home_currency,
                "is_you": not place, "is_admin": int(not place), "timezone_name": "Europe/Berlin", "locale": "en_US",
                "phone": None, "lang": 1, "role_id": 1, "activated": True,
            }  # fmt: skip


def whole(at: int) -> str:
    """2026-01-05T09:00:00Z, as v2 has it."""
    return iso(second(at))[:19] + "Z"


def spaced(at: int) -> str:
    """2026-01-05 09:00:00, as v1 has it."""
    return iso(second(at))[:19].replace("T", " ")


def number(value: Decimal) -> Any:
    """A JSON number that loses nothing: 1500, or 1500.5."""
    return orjson.Fragment(_text(value).encode())


def _text(value: Any) -> Any:
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return None if value is None else str(value)


def _owner(record: Record, now: int) -> int | None:
    found = record.value("hubspot_owner_id", now) or ""
    return int(found) if found.isdigit() else None

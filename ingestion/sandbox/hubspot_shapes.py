"""HubSpot's wire shapes: what a record of the world looks like in an answer of the API."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from ingestion.sandbox import custom
from ingestion.sandbox.behaviour import UNIT
from ingestion.sandbox.hubspot_schema import ALWAYS, DEFAULTS, MODIFIED, SCHEMA, SINGULAR, TYPE_IDS
from ingestion.sandbox.model import (
    BULK,
    DAY,
    HOUR,
    IMPORT,
    INTEGRATION,
    MERGE,
    MERGED_IDS,
    SILENT,
    WORKFLOW,
    Change,
    Record,
    histories,
    iso,
    status,
)
from ingestion.sandbox.world import World

_SOURCES = {
    WORKFLOW: ("AUTOMATION_PLATFORM", "enrollmentId:118;actionExecutionIndex:0"),
    IMPORT: ("IMPORT", "9917"),
    INTEGRATION: ("INTEGRATION", "224111"),
    MERGE: ("MERGE_OBJECTS", "merge"),
    BULK: ("CRM_UI_BULK_ACTION", "bulk"),
    SILENT: ("BATCH_UPDATE", "silent"),
}
_LABELS = {
    ("deals", "contacts"): ((3, None),),
    ("deals", "companies"): ((341, None), (5, "Primary")),
    ("contacts", "deals"): ((4, None),),
    ("companies", "deals"): ((342, None), (6, "Primary")),
    ("contacts", "companies"): ((279, None), (1, "Primary")),
    ("companies", "contacts"): ((280, None), (2, "Primary")),
    ("leads", "contacts"): ((578, "Primary"),),
    ("contacts", "leads"): ((579, "Primary"),),
}


@dataclass
class Quirks:
    """Schema faults and bad records, by object. `garble` entries: {"object", "id", "property", "value"} or
    {"object", "id", "null_id": true}; with "value_only" the history keeps saying what was written."""

    removed: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    renamed: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    added: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    garble: list[dict[str, Any]] = field(default_factory=list)

    def names(self, kind: str) -> dict[str, str]:
        """Property name on the wire → its name in the world ('' for one that was added)."""
        gone = self.removed[kind] | set(self.renamed[kind])
        names = {name: name for name in SCHEMA[kind] if name not in gone}
        return names | {new: old for old, new in self.renamed[kind].items()} | dict.fromkeys(self.added[kind], "")


def source(change_by: int) -> dict[str, Any]:
    if change_by > 0:
        return {"sourceType": "CRM_UI", "sourceId": f"userId:{change_by}", "updatedByUserId": change_by}
    kind, id = _SOURCES[change_by]
    return {"sourceType": kind, "sourceId": id}


class Shapes:
    """Renders records of one world as of a given instant. `history_cap`: newest versions returned, None = all."""

    def __init__(self, world: World, history_cap: int | None = None) -> None:
        self.world, self.history_cap, self.quirks = world, history_cap, Quirks()
        self._reversed: dict[tuple[str, str, int], dict[int, list[tuple[int, int]]]] = {}

    def object(
        self,
        kind: str,
        record: Record,
        properties: Iterable[str] | None,
        history: Iterable[str] = (),
        associations: Iterable[str] = (),
        at: int | None = None,
    ) -> dict[str, Any]:
        """A SimplePublicObject(WithAssociations). Unknown properties are left out, known empty ones are null."""
        now = self.world.now if at is None else at
        state = status(record, now)
        known = histories(record, now)
        if kind == "deals":
            known |= custom.histories(known.get("amount", []))
        values = self._values(kind, record, known, state.modified)
        names = self.quirks.names(kind)
        wanted = set(properties) | set(ALWAYS[kind]) if properties is not None else set(DEFAULTS[kind])
        shown = {}
        for name in sorted(wanted):
            own = names.get(name)
            if own:
                shown[name] = values.get(own) or None
            elif own == "":
                shown[name] = self.quirks.added[kind][name]
            elif name.startswith("hs_v2_date_entered_") and kind == "deals":
                shown[name] = self._entered(known, name.removeprefix("hs_v2_date_entered_"))
        body: dict[str, Any] = {"id": str(record.id), "properties": shown}
        asked = [name for name in history if names.get(name)]
        if asked:
            body["propertiesWithHistory"] = {name: self._history(record, names[name], known, values) for name in asked}
        found = {other: self.linked(kind, record, other, now) for other in associations if state.kind == "live"}
        inline = {other: self._inline(kind, other, ids) for other, ids in found.items() if ids}
        if inline:
            body["associations"] = inline
        body |= {"createdAt": iso(record.born), "updatedAt": iso(state.modified), "archived": state.kind == "archived"}
        if state.kind == "archived":
            body["archivedAt"] = iso(state.since)
        body["url"] = f"https://app.hubspot.com/contacts/{self.world.portal_id}/record/{TYPE_IDS[kind]}/{record.id}"
        return self._garbled(kind, record.id, body) if self.quirks.garble else body

    # ---- values
    def _values(self, kind: str, record: Record, known: dict[str, list[Change]], modified: int) -> dict[str, str]:
        values = dict(record.fixed)
        values.update((name, changes[-1].value) for name, changes in known.items())
        created = iso(record.born)
        values |= {"hs_object_id": str(record.id), "hs_createdate": created, "createdate": created}
        values[MODIFIED.get(kind, "hs_lastmodifieddate")] = iso(modified)
        getattr(self, f"_{kind}")(record, known, values, modified)
        return values

    def _deals(self, record: Record, known: dict[str, list[Change]], values: dict[str, str], modified: int) -> None:
        values["dealname"], values["createdate"] = record.own[0], iso(record.own[1])
        values["industry_segment"] = custom.segment(record.id)
        stages = known.get("dealstage")
        place = self.world.catalog.deal_stages.get(values.get("dealstage", ""))
        outcome = place[1].outcome if place else "open"
        probability = Decimal(float(place[1].probability)) if place else Decimal(0)
        values["hs_is_closed"] = _flag(outcome != "open")
        values["hs_is_closed_won"], values["hs_is_closed_lost"] = _flag(outcome == "won"), _flag(outcome == "lost")
        values["hs_deal_stage_probability"] = str(probability)
        values["hs_open_deal_create_date"] = str(record.own[1]) if outcome == "open" else "0"
        if stages:
            values["hs_v2_date_entered_current_stage"] = iso(stages[-1].since)
            values["notes_last_contacted"] = iso(stages[-1].since - 3 * HOUR)
            if outcome == "open":
                values["notes_next_activity_date"] = iso(stages[-1].since + (3 + record.id % 11) * DAY)
        self._money(values, probability, modified)
        values["hs_closed_amount"] = values.get("amount", "") if outcome == "won" else "0"
        values["num_associated_contacts"] = str(sum(link[1] == "contacts" for link in record.links))
        if outcome != "open" and values.get("closedate"):
            values["days_to_close"] = str(max(0, (stages[-1].since - record.own[1]) // DAY)) if stages else "0"

    def _money(self, values: dict[str, str], probability: Decimal, modified: int) -> None:
        """Amount in the home currency at the deal's own rate, which moves with the day of its last change."""
        code = values.get("deal_currency_code") or self.world.home_currency
        rate = Decimal(1)
        if code != self.world.home_currency and code in UNIT:
            rate = Decimal(round((1 + (modified // DAY) % 40 / 1000) / UNIT[code], 6))
        if values.get("deal_currency_code"):
            values["hs_exchange_rate"] = str(rate)
        try:
            amount = Decimal(values["amount"])
        except (KeyError, InvalidOperation):
            return
        values["amount_in_home_currency"] = str(amount * rate)
        values["hs_projected_amount"] = str(amount * probability)

    def _contacts(self, record: Record, known: dict[str, list[Change]], values: dict[str, str], modified: int) -> None:
        values["firstname"], values["lastname"] = record.own
        values["email"], values["phone"] = f"person{record.id}@example.com", f"+49 30 {record.id % 10_000_000:07}"
        firm = next((id for _, kind, id in record.links if kind == "companies"), None)
        if firm:
            values["associatedcompanyid"] = str(firm)
        merges = known.get(MERGED_IDS, [])
        # The vendor's list of merged ids with their times omits some: both lists are needed.
        vids = [f"{change.value.rsplit(';', 1)[-1]}:{change.since}" for change in merges]
        values["hs_calculated_merged_vids"] = ";".join(vids if len(vids) < 2 else vids[1:])

    def _companies(self, record: Record, known: dict[str, list[Change]], values: dict[str, str], modified: int) -> None:
        values["name"], values["industry"], values["country"] = record.own
        values["domain"] = f"company{record.id}.example.com"

    def _leads(self, record: Record, known: dict[str, list[Change]], values: dict[str, str], modified: int) -> None:
        values["hs_lead_name"] = record.own[0]

    def _entered(self, known: dict[str, list[Change]], stage: str) -> str | None:
        return next(
            (iso(change.since) for change in reversed(known.get("dealstage", [])) if change.value == stage), None
        )

    def _history(
        self, record: Record, name: str, known: dict[str, list[Change]], values: dict[str, str]
    ) -> list[dict[str, Any]]:
        """Newest first; of equal timestamps the one written last comes first."""
        changes = known.get(name)
        if changes is None:
            if not values.get(name):
                return []
            return [{"value": values[name], "timestamp": iso(record.born), "sourceType": "CALCULATED"}]
        newest = changes[::-1][: self.history_cap]
        return [{"value": c.value, "timestamp": iso(c.since), **source(c.by)} for c in newest]

    # ---- associations
    def linked(self, kind: str, record: Record, other: str, now: int) -> list[int]:
        """Ids of live records of `other` linked with it, ascending, each once; merged ones as their survivor."""
        ids = set()
        for id in self._links(kind, record, other, now):
            survivor = self.survivor(other, id, now)
            if survivor is not None and status(survivor, now).kind == "live":
                ids.add(survivor.id)
        return sorted(ids)

    def survivor(self, kind: str, id: int, now: int) -> Record | None:
        """The record itself, or where it was merged away by now, the one that goes on. None: never existed."""
        record = self.world.objects[kind].get(id)
        while record is not None and (state := status(record, now)).kind == "merged":
            record = self.world.objects[kind].get(state.survivor)
        return None if record is None or record.born > now else record

    def _links(self, kind: str, record: Record, other: str, now: int) -> list[int]:
        if (kind, other) in (
            ("deals", "contacts"),
            ("deals", "companies"),
            ("contacts", "companies"),
            ("leads", "contacts"),
        ):
            return [id for at, name, id in record.links if name == other and at <= now]
        return [id for at, id in self._backlinks(other, kind).get(record.id, ()) if at <= now]

    def _backlinks(self, holder: str, linked: str) -> dict[int, list[tuple[int, int]]]:
        """Links are kept at one end only: id of `linked` → (since, id of `holder`)."""
        key = (holder, linked, self.world.version)
        if key not in self._reversed:
            found: dict[int, list[tuple[int, int]]] = defaultdict(list)
            for one in self.world.records(holder):
                for at, name, id in one.links:
                    if name == linked:
                        found[id].append((at, one.id))
            self._reversed = {key: found}
        return self._reversed[key]

    def _inline(self, kind: str, other: str, ids: list[int]) -> dict[str, Any]:
        """The same pair comes once per label, as in the live API."""
        base = f"{SINGULAR[kind]}_to_{SINGULAR[other]}"
        types = [base] if len(_LABELS.get((kind, other), ((0, None),))) == 1 else [base, f"{base}_unlabeled"]
        return {"results": [{"id": str(id), "type": type} for id in ids for type in types]}

    def labels(self, kind: str, other: str) -> list[dict[str, Any]]:
        return [
            {"category": "HUBSPOT_DEFINED", "typeId": type, "label": label}
            for type, label in _LABELS.get((kind, other), ((450, None),))
        ]

    # ---- faults in the data
    def _garbled(self, kind: str, id: int, body: dict[str, Any]) -> dict[str, Any]:
        for rule in self.quirks.garble:
            if rule.get("object", "deals") != kind or int(rule["id"]) != id:
                continue
            if rule.get("null_id"):
                body["id"] = None
            elif rule["property"] in body["properties"]:
                body["properties"][rule["property"]] = rule["value"]
                entries = body.get("propertiesWithHistory", {}).get(rule["property"])
                if entries and not rule.get("value_only"):
                    entries[0]["value"] = rule["value"]
        return body


def _flag(value: bool) -> str:
    return "true" if value else "false"

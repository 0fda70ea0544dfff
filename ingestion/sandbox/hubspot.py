"""HubSpot's endpoints over the world: both path styles (v3/v4 and 2026-09), caps, paging, merged and archived records.

`HubSpot.answer(method, path, query, body)` → (status, JSON body), or raises Refusal. Knows nothing of sockets.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from ingestion.sandbox.hubspot_config import goal_shapes, owner_shapes, pipeline_shapes
from ingestion.sandbox.hubspot_errors import Refusal, error, forbidden, invalid, not_found
from ingestion.sandbox.hubspot_schema import NAMES, SCHEMA, SINGULAR, definition
from ingestion.sandbox.hubspot_search import Search
from ingestion.sandbox.hubspot_shapes import Shapes
from ingestion.sandbox.model import iso, status
from ingestion.sandbox.world import World, nearest

DATED = "2026-09"
SCOPES = {kind: f"crm.objects.{kind}.read" for kind in SINGULAR} | {"owners": "crm.objects.owners.read"}
GOALS, GOALS_SCOPE = "goal_targets", "crm.objects.goals.read"
Query = dict[str, list[str]]
Answer = tuple[int, dict[str, Any]]

_O = "(?P<object>[^/]+)"
_ROUTES = [
    ("GET", rf"/crm/(?:v3/objects|objects/{DATED})/{_O}", "list_objects"),
    ("POST", rf"/crm/(?:v3/objects|objects/(?P<dated>{DATED}))/{_O}/batch/read", "batch_read"),
    ("POST", rf"/crm/(?:v3/objects|objects/{DATED})/{_O}/search", "search"),
    ("GET", rf"/crm/(?:v3/objects|objects/{DATED})/{_O}/(?P<id>[^/]+)", "one_object"),
    ("GET", rf"/crm/(?:v3/pipelines|pipelines/{DATED})/{_O}", "pipelines"),
    ("GET", rf"/crm/(?:v3/pipelines|pipelines/{DATED})/{_O}/(?P<id>[^/]+)", "one_pipeline"),
    ("GET", rf"/crm/(?:v3/pipelines|pipelines/{DATED})/{_O}/(?P<id>[^/]+)/audit", "audit"),
    ("GET", rf"/crm/(?:v3/pipelines|pipelines/{DATED})/{_O}/(?P<id>[^/]+)/stages/(?P<stage>[^/]+)/audit", "audit"),
    ("GET", rf"/crm/(?:v3/owners|owners/{DATED})", "owners"),
    ("GET", rf"/crm/(?:v3/properties|properties/{DATED})/{_O}", "properties"),
    ("GET", rf"/crm/(?:v3/properties|properties/{DATED})/{_O}/(?P<id>[^/]+)", "one_property"),
    (
        "POST",
        rf"/crm/(?:v4/associations|associations/(?P<dated>{DATED}))/{_O}/(?P<other>[^/]+)/batch/read",
        "batch_associations",
    ),
    ("GET", rf"/crm/v4/objects/{_O}/(?P<id>\d+)/associations/(?P<other>[^/]+)", "associations"),
]
ROUTES = [(method, re.compile(pattern + "/?"), name) for method, pattern, name in _ROUTES]


class HubSpot:
    def __init__(
        self,
        world: World,
        *,
        without_scopes: tuple[str, ...] = (),
        history_cap: int | None = None,
        search_lag: float = 0,
        opaque_paging: bool = False,
        association_page: int = 500,
    ) -> None:
        """`search_lag` in seconds of the world's clock; `association_page`: `to` entries a record before it pages."""
        self.world, self.without_scopes = world, set(without_scopes)
        self.opaque, self.association_page = opaque_paging, association_page
        self.shapes = Shapes(world, history_cap)
        self.goals: list[dict[str, Any]] | None = []  # beside those of the world; None: a portal that has no goals
        self.index = Search(self.shapes, int(search_lag * 1_000))

    def answer(self, method: str, path: str, query: Query, body: Any) -> Answer:
        for wanted, pattern, name in ROUTES:
            match = pattern.fullmatch(path)
            if match and wanted == method:
                endpoint: Callable[..., Answer] = getattr(self, name)
                arguments = match.groupdict()
                if method == "POST" and not isinstance(body, dict):
                    raise invalid("Invalid input JSON")
                with self.world.lock:
                    self.world.observe()
                    return endpoint(query if method == "GET" else body, query=query, path=path, **arguments)
        raise Refusal(404, error("resource not found", None))

    # ---- objects
    def list_objects(self, asked: Query, object: str, path: str, **_: Any) -> Answer:
        if object == GOALS:
            return self._goals(asked, path)
        kind = self._kind(object)
        history = _names(asked, "propertiesWithHistory")
        limit = _limit(asked, 50 if history else 100, "with property histories" if history else "")
        view = self.world.view(kind)
        ids = view.archived if _flag(asked, "archived") else view.live
        start = nearest(ids, self._after(asked))
        page = ids[start : start + limit]
        properties = _names(asked, "properties") or None
        associations = [NAMES.get(name, name) for name in _names(asked, "associations")]
        for name in associations:
            if name not in SINGULAR:
                raise invalid(f"Unable to infer object type from: {name}")
        records = self.world.objects[kind]
        body: dict[str, Any] = {
            "results": [self.shapes.object(kind, records[id], properties, history, associations) for id in page]
        }
        if start + limit < len(ids):
            body["paging"] = self._paging(path, page[-1] + 1)
        return 200, body

    def one_object(self, asked: Query, object: str, id: str, **_: Any) -> Answer:
        kind = self._kind(object)
        record = self._record(kind, id, _flag(asked, "archived"))
        if record is None:
            raise not_found()
        associations = [NAMES.get(name, name) for name in _names(asked, "associations")]
        names, history = _names(asked, "properties") or None, _names(asked, "propertiesWithHistory")
        return 200, self.shapes.object(kind, record, names, history, associations)

    def _record(self, kind: str, id: str, archived: bool) -> Any:
        """By id. The id of a contact that was merged away gives the survivor; other objects then give nothing."""
        if not id.isdigit():
            return None
        record = self.world.objects[kind].get(int(id))
        if record is not None and kind == "contacts":
            record = self.shapes.survivor(kind, record.id, self.world.now)
        wanted = "archived" if archived else "live"
        return record if record is not None and status(record, self.world.now).kind == wanted else None

    def batch_read(self, asked: dict, object: str, query: Query, dated: str | None, **_: Any) -> Answer:
        kind = self._kind(object)
        ids = [str(entry.get("id")) for entry in asked.get("inputs") or []]
        history = asked.get("propertiesWithHistory") or []
        most = 50 if history else 100
        if not ids or len(ids) > most:
            what = " for property histories" if history else ""
            raise invalid(f"The maximum number of inputs supported in a batch request{what} is {most}")
        archived = _flag(query, "archived")
        found: dict[int, Any] = {}
        missing = []
        for id in ids:
            record = self._record(kind, id, archived)
            if record is None:
                missing.append(id)
            else:
                found[record.id] = record
        properties = asked.get("properties") or None
        now = iso(self.world.now)
        body: dict[str, Any] = {
            "status": "COMPLETE",
            "results": [self.shapes.object(kind, record, properties, history) for record in found.values()],
            "startedAt": now,
            "completedAt": now,
        }
        if missing and not dated:
            message = f"Could not get some {SINGULAR[kind].upper()} objects, they may be deleted or not exist."
            return 207, body | _problems("OBJECT_NOT_FOUND", message, missing)
        return 200, body

    def search(self, asked: dict, object: str, **_: Any) -> Answer:
        kind = self._kind(object)
        return 200, self.index.answer(kind, asked)

    # ---- associations
    def batch_associations(self, asked: dict, object: str, other: str, dated: str | None, **_: Any) -> Answer:
        kind, target = self._kind(object), self._kind(other)
        inputs = asked.get("inputs") or []
        if not 0 < len(inputs) <= 1_000:
            raise invalid("The maximum number of inputs supported in a batch request for associations is 1000")
        results, missing = [], []
        for entry in inputs:
            to, after = self._linked(kind, str(entry.get("id")), target, entry.get("after"), self.association_page)
            if not to:
                missing.append(str(entry.get("id")))
                continue
            result: dict[str, Any] = {"from": {"id": str(entry["id"])}, "to": to}
            if after:
                result["paging"] = {"next": {"after": after, "link": "?after=" + quote(after)}}
            results.append(result)
        now = iso(self.world.now)
        body: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
        if missing and not dated:
            message = f"No {SINGULAR[target]} is associated with {SINGULAR[kind]}."
            return 207, body | _problems("OBJECT_NOT_FOUND", message, missing)
        return 200, body

    def associations(self, asked: Query, object: str, id: str, other: str, path: str, **_: Any) -> Answer:
        kind, target = self._kind(object), self._kind(other)
        limit = _limit(asked, 500, "", 500)
        to, after = self._linked(kind, id, target, next(iter(asked.get("after", ())), None), limit)
        body: dict[str, Any] = {"results": to}
        if after:
            body["paging"] = {"next": {"after": after, "link": f"https://api.hubapi.com{path}?after={quote(after)}"}}
        return 200, body

    def _linked(self, kind: str, id: str, target: str, after: str | None, page: int) -> tuple[list, str | None]:
        record = self._record(kind, id, archived=False)
        if record is None:
            return [], None
        ids = self.shapes.linked(kind, record, target, self.world.now)
        start = int(base64.b64decode(after)) if after else 0
        labels = self.shapes.labels(kind, target)
        to = [{"toObjectId": other, "associationTypes": labels} for other in ids[start : start + page]]
        rest = start + page < len(ids)
        return to, base64.b64encode(str(start + page).encode()).decode() if rest else None

    # ---- configuration
    def pipelines(self, asked: Query, object: str, **_: Any) -> Answer:
        kind = self._kind(object, granted=False)
        self._need(SCOPES[kind])
        return 200, {"results": pipeline_shapes(self.world, kind) if kind in self.world.catalog.pipelines else []}

    def one_pipeline(self, asked: Query, object: str, id: str, **_: Any) -> Answer:
        found = self.pipelines(asked, object)[1]["results"]
        for pipeline in found:
            if pipeline["id"] == id:
                return 200, pipeline
        raise not_found()

    def audit(self, asked: Query, object: str, id: str, stage: str | None = None, **_: Any) -> Answer:
        """Creation, renaming and removal of stages: the only trace of a removed one."""
        kind = self._kind(object)
        entries = []
        for pipeline in (p for p in self.world.catalog.pipelines.get(kind, []) if p.id == id):
            for one in (s for s in pipeline.stages if stage in (None, s.id)):
                moments = [(one.born, "CREATE"), *((at, "UPDATE") for at, _ in one.labels[1:]), (one.gone, "DELETE")]
                for at, action in moments:
                    if at <= self.world.now:
                        raw = {"stageId": one.id, "label": one.label(at), "probability": one.probability}
                        entry = {"portalId": self.world.portal_id, "identifier": one.id, "action": action}
                        entries.append(entry | {"timestamp": iso(at), "rawObject": raw})
        return 200, {"results": sorted(entries, key=lambda entry: entry["timestamp"], reverse=True)}

    def owners(self, asked: Query, path: str, **_: Any) -> Answer:
        self._need(SCOPES["owners"])
        limit = _limit(asked, 500, "", 100)
        owners = owner_shapes(self.world, _flag(asked, "archived"))
        start = nearest([int(owner["id"]) for owner in owners], self._after(asked))
        body: dict[str, Any] = {"results": owners[start : start + limit]}
        if start + limit < len(owners):
            body["paging"] = self._paging(path, int(owners[start + limit]["id"]))
        return 200, body

    def _goals(self, asked: Query, path: str) -> Answer:
        if self.goals is None:
            raise invalid(f"Unable to infer object type from: {GOALS}")
        self._need(GOALS_SCOPE)
        limit, names = _limit(asked, 100, ""), _names(asked, "properties")
        goals = sorted([*goal_shapes(self.world), *self.goals], key=lambda goal: int(goal["id"]))
        start = nearest([int(goal["id"]) for goal in goals], self._after(asked))
        page = [goal | {"properties": {name: goal["properties"].get(name) for name in names}} for goal in goals]
        body: dict[str, Any] = {"results": page[start : start + limit]}
        if start + limit < len(goals):
            body["paging"] = self._paging(path, int(goals[start + limit]["id"]))
        return 200, body

    def properties(self, asked: Query, object: str, **_: Any) -> Answer:
        kind = self._kind(object)
        if _flag(asked, "archived"):
            return 200, {"results": []}
        results = []
        for name, own in sorted(self.shapes.quirks.names(kind).items()):
            shape = SCHEMA[kind].get(own, ("string", "text", False))
            results.append(definition(self.world.catalog, kind, name, shape, self.world.now))
        return 200, {"results": results}

    def one_property(self, asked: Query, object: str, id: str, **_: Any) -> Answer:
        for found in self.properties(asked, object)[1]["results"]:
            if found["name"] == id:
                return 200, found
        raise not_found()

    # ---- help
    def _kind(self, name: str, granted: bool = True) -> str:
        kind = NAMES.get(name.lower())
        if kind is None:
            raise invalid(f"Unable to infer object type from: {name}")
        if granted:
            self._need(SCOPES[kind])
        return kind

    def _need(self, scope: str) -> None:
        if scope in self.without_scopes:
            raise forbidden([scope])

    def _after(self, asked: Query) -> int:
        text = (asked.get("after") or ["0"])[0]
        try:
            return int(base64.urlsafe_b64decode(text.encode())[1:]) if self.opaque and text != "0" else int(text)
        except ValueError as problem:
            raise invalid(f"Invalid paging cursor '{text}'") from problem

    def _paging(self, path: str, after: int) -> dict[str, Any]:
        token = base64.urlsafe_b64encode(f"c{after}".encode()).decode() if self.opaque else str(after)
        return {"next": {"after": token, "link": f"https://api.hubapi.com{path}?after={quote(token)}"}}


def _problems(category: str, message: str, ids: list[str]) -> dict[str, Any]:
    entry = {
        "status": "error",
        "category": category,
        "message": message,
        "context": {"ids": ids},
        "errors": [],
        "links": {},
    }
    return {"numErrors": 1, "errors": [entry]}


def _names(asked: Query, name: str) -> list[str]:
    """Repeated or comma-separated."""
    return [part.strip() for text in asked.get(name, []) for part in text.split(",") if part.strip()]


def _flag(asked: Query, name: str) -> bool:
    return (asked.get(name) or ["false"])[0].lower() == "true"


def _limit(asked: Query, most: int, why: str, default: int = 10) -> int:
    text = (asked.get("limit") or [str(min(default, most))])[0]
    if not text.isdigit() or not 0 < int(text) <= most:
        raise invalid(f"limit {text} is out of range: 1 to {most} {why}".strip())
    return int(text)

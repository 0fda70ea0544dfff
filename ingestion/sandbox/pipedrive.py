"""Pipedrive's endpoints over the world: v2 deals, persons, pipelines, stages; v1 users, leads, a deal's changelog.

Parameters that the contract does not know are refused (400). A token's day has `daily` tokens, which lists cost 10 (v2)
or 20 (v1) of; behind it everything is a 429 that tells nothing.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

from ingestion.sandbox import written_truth
from ingestion.sandbox.model import instant
from ingestion.sandbox.pipedrive_shapes import Shapes, names
from ingestion.sandbox.routed import Refused, Routed, Row
from ingestion.sandbox.standins import Answer, Asked
from ingestion.sandbox.world import World

CREDENTIALS = {"COMPANY_DOMAIN": "acme", "API_TOKEN": "pipedrive-token"}
_FILTERS = ("cursor", "limit", "sort_by", "sort_direction")
_DATED = (*_FILTERS, "ids", "updated_since", "updated_until", "include_fields", "custom_fields", "owner_id")
PARAMS = {
    "deals": (*_DATED, "status", "pipeline_id", "stage_id", "person_id", "org_id", "filter_id"),
    "persons": _DATED,
    "pipelines": _FILTERS,
    "stages": (*_FILTERS, "pipeline_id"),
    "changelog": ("cursor", "limit"),
    "leads": ("limit", "start", "sort", "updated_since", "owner_id", "person_id", "organization_id", "filter_id"),
    "archived_leads": ("limit", "start", "sort", "owner_id", "person_id", "organization_id", "filter_id"),
    "users": (),
}
"""Query parameters of each list, as many as the contract has of what is served here."""
MOST = 500


class Pipedrive(Routed):
    """One company. Options act at once when changed: `daily`, `used`, `burst`, `forbidden`."""

    routes = (
        ("GET", "/api/v2/deals", "deals"),
        ("GET", "/api/v2/deals/archived", "archived_deals"),
        ("GET", "/api/v2/persons", "persons"),
        ("GET", "/api/v2/(?P<kind>pipelines|stages)", "configured"),
        ("GET", r"/api/v1/deals/(?P<id>\d+)/changelog", "changelog"),
        ("GET", "/api/v1/leads", "leads"),
        ("GET", "/api/v1/leads/archived", "archived_leads"),
        ("GET", "/api/v1/users", "users"),
    )
    bin_days = 30

    def __init__(self, world: World, *, deals: Callable[[int], bool] | None = None, daily: int = 10**9) -> None:
        super().__init__(world, deals=deals)
        self.shapes = Shapes(self)
        self.daily, self.used, self.burst = daily, 0, 200
        self.forbidden: set[str] = set()
        """Kinds of records that the token's user may not read."""

    def truth(self, table: str, as_of: str | None) -> Iterator[Row]:
        """What must be found of the company's deals: a table of written_truth.py."""
        named = names(self.world.catalog)
        return written_truth.TABLES[table](self.world, named, as_of, keeps=self.keeps, bin_days=self.bin_days)

    def admit(self, asked: Asked) -> None:
        if asked.headers.get("x-api-token") != CREDENTIALS["API_TOKEN"]:
            raise refused(401, "unauthorized access")
        cost = 10 if asked.path.startswith("/api/v2/") else 20
        if self.used + cost > self.daily:
            raise refused(429, "Too many requests")
        self.used += cost
        if any(kind in asked.path for kind in self.forbidden):
            raise refused(403, "Scope and URL mismatch")

    def told(self) -> dict[str, str]:
        return {
            "x-ratelimit-limit": str(self.burst),
            "x-ratelimit-remaining": str(self.burst),
            "x-ratelimit-reset": "2",
        }

    def unknown(self) -> Refused:
        return refused(404, "Unknown method .")

    def of_rule(self, rule: Mapping[str, Any]) -> Refused | None:
        kind = rule["kind"]
        if kind in ("429", "429_retry_after"):
            waits = {"Retry-After": str(rule.get("retry_after", 1))} if kind == "429_retry_after" else {}
            return refused(429, "Too many requests", waits)
        plain = {"500": "Internal error", "503": "Service unavailable", "401": "unauthorized access"}
        if kind in plain:
            return refused(int(kind), plain[kind])
        if kind == "200_error":
            return refused(200, "Something went wrong")
        return refused(403, "Scope and URL mismatch") if kind == "403_scope" else None

    # ---- endpoints
    def deals(self, asked: Asked) -> Answer:
        return self._dated("deals", asked, self.table("deals", self.shapes.deals))

    def archived_deals(self, asked: Asked) -> Answer:
        """Nobody archives here; asked in vain."""
        return self._dated("deals", asked, [])

    def persons(self, asked: Asked) -> Answer:
        return self._dated("persons", asked, self.table("persons", self.shapes.persons))

    def configured(self, asked: Asked, kind: str) -> Answer:
        _known(kind, asked)
        return self._by_cursor(asked, list(getattr(self.shapes, kind)()), "id")

    def changelog(self, asked: Asked, id: str) -> Answer:
        _known("changelog", asked)
        rows = self.shapes.changelog(int(id))
        if rows is None:
            raise refused(404, "Deal not found")
        return self._by_cursor(asked, rows, None)

    def leads(self, asked: Asked) -> Answer:
        _known("leads", asked)
        rows = [row for row in self.table("leads", self.shapes.leads) if not row["is_archived"]]
        if since := asked.first("updated_since"):
            rows = [row for row in rows if instant(row["update_time"]) >= instant(since)]
        return self._by_start(asked, rows)

    def archived_leads(self, asked: Asked) -> Answer:
        _known("archived_leads", asked)
        return self._by_start(asked, [row for row in self.table("leads", self.shapes.leads) if row["is_archived"]])

    def users(self, asked: Asked) -> Answer:
        _known("users", asked)
        return 200, {"success": True, "data": list(self.shapes.users())}, self.told()

    # ---- lists
    def _dated(self, kind: str, asked: Asked, rows: list[Row]) -> Answer:
        _known(kind, asked)
        if ids := asked.first("ids"):
            wanted = {int(id) for id in ids.split(",")}
            if len(wanted) > 100:
                raise refused(400, "Too many ids")
            rows = [row for row in rows if row["id"] in wanted]
        if kind == "deals":
            statuses = asked.first("status", "open,won,lost").split(",")
            rows = [row for row in rows if row["status"] in statuses]
        if since := asked.first("updated_since"):
            rows = [row for row in rows if instant(row["update_time"]) >= instant(since)]
        order = asked.first("sort_by", "id")
        rows = sorted(rows, key=lambda row: (row[order], row["id"]))
        return self._by_cursor(asked, rows, order)

    def _by_cursor(self, asked: Asked, rows: list[Row], order: str | None) -> Answer:
        """`order`: the cursor names the last row; None: the place in a list that does not change."""
        limit = int(asked.first("limit", "100"))
        if not 0 < limit <= MOST:
            raise refused(400, "limit must be between 1 and 500")
        start = 0
        if cursor := asked.first("cursor"):
            at = orjson.loads(base64.urlsafe_b64decode(cursor))
            start = at if order is None else sum([row[order], row["id"]] <= at for row in rows)
        page, end = rows[start : start + limit], start + limit
        told = None
        if end < len(rows):
            told = base64.urlsafe_b64encode(orjson.dumps(end if order is None else [page[-1][order], page[-1]["id"]]))
        more = {"next_cursor": told and told.decode()}
        return 200, {"success": True, "data": page, "additional_data": more}, self.told()

    def _by_start(self, asked: Asked, rows: list[Row]) -> Answer:
        if sort := asked.first("sort"):
            name, way = sort.split()
            rows = sorted(rows, key=lambda row: row[name], reverse=way == "DESC")
        start, limit = int(asked.first("start", "0")), int(asked.first("limit", "100"))
        more = start + limit < len(rows)
        paging = {"start": start, "limit": limit, "more_items_in_collection": more}
        paging |= {"next_start": start + limit} if more else {}
        told = {"success": True, "data": rows[start : start + limit], "additional_data": {"pagination": paging}}
        return 200, told, self.told()


def _known(kind: str, asked: Asked) -> None:
    if strange := asked.query.keys() - set(PARAMS[kind]):
        raise refused(400, f"unknown parameters: {', '.join(sorted(strange))}")


def refused(status: int, error: str, headers: dict[str, str] | None = None) -> Refused:
    body = {"success": False, "error": error, "error_info": "Please check developers.pipedrive.com", "data": None}
    return Refused(status, body, headers)


STAND_IN = Pipedrive

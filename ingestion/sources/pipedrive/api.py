"""Pipedrive's requests for one connection: lists by cursor (v2) and by start (v1), a deal's changelog."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from ingestion.client import Client
from ingestion.errors import CorruptResponse
from ingestion.exact import exact_json
from ingestion.instants import moment
from ingestion.settings import Connection
from ingestion.sources.pipedrive.dialect import NEWEST_FIRST, PipedriveDialect, Refused, wrong
from ingestion.stream import Json

V1, V2 = "/api/v1", "/api/v2"
PAGE, CHANGES_PAGE, IDS_A_REQUEST = 500, 100, 100
DEALS = (f"{V2}/deals", f"{V2}/deals/archived")
"""Archived deals are not among the deals."""
PERSON = ("id", "owner_id", "org_id", "add_time", "update_time", "label_ids", "is_deleted")
LEAD = (
    "id", "owner_id", "person_id", "organization_id", "label_ids", "value", "is_archived", "source_name", "origin",
    "channel", "add_time", "update_time",
)  # fmt: skip
USER = ("id", "name", "email", "active_flag", "created", "modified", "default_currency", "is_you")


class Api:
    """One company's account."""

    def __init__(self, connection: Connection, *, threads: int = 4) -> None:
        self.source = connection.name
        self.company = connection.credentials["COMPANY_DOMAIN"].reveal().split("://")[-1].split(".")[0]
        self.dialect = PipedriveDialect(token=connection.credentials["API_TOKEN"])
        base = connection.base_url or f"https://{self.company}.pipedrive.com"
        self.client = Client(connection.name, base, self.dialect, threads=threads)

    def deals(self, since: datetime | None, **given: Any) -> Iterator[Json]:
        """Deals modified since, archived and deleted ones too; without what is a person's own (custom fields)."""
        params = {"status": "open,won,lost,deleted", "sort_by": "update_time", "sort_direction": "asc", **_since(since)}
        for path in DEALS:
            for deal in self._by_cursor("deals", path, {**params, "include_fields": "source_lead_id", **given}):
                deal.pop("custom_fields", None)
                yield deal

    def deal_ids(self) -> Iterator[str]:
        for path in DEALS:
            for deal in self._by_cursor("deals", path, {"status": "open,won,lost", "sort_by": "id"}):
                yield str(deal["id"])

    def deals_by_id(self, ids: Sequence[str]) -> Iterator[Json]:
        for start in range(0, len(ids), IDS_A_REQUEST):
            yield from self.deals(None, ids=",".join(ids[start : start + IDS_A_REQUEST]))

    def changes(self, id: str) -> list[Json] | None:
        """A deal's changelog, oldest first; None where the deal is not to be had any more."""
        path = f"{V1}/deals/{id}/changelog"
        try:
            rows = list(self._by_cursor("deal_changes", path, {"limit": CHANGES_PAGE}))
        except Refused as error:
            if error.status not in (404, 410):
                raise
            return None
        first, last = (str(row.get("time")) for row in (rows[0], rows[-1])) if rows else ("", "")
        return rows[::-1] if first > last or (first == last and NEWEST_FIRST) else rows

    def persons(self, since: datetime | None) -> Iterator[Json]:
        params = {"sort_by": "update_time", "sort_direction": "asc", **_since(since)}
        yield from map(_person, self._by_cursor("persons", f"{V2}/persons", params))

    def person_ids(self) -> Iterator[str]:
        for person in self._by_cursor("persons", f"{V2}/persons", {"sort_by": "id"}):
            yield str(person["id"])

    def leads(self, since: datetime | None) -> Iterator[Json]:
        """Of the archived ones there is no "since": newest first, down to it."""
        yield from map(_lead, self._by_start("leads", f"{V1}/leads", {"sort": "update_time ASC", **_since(since)}))
        for lead in self._by_start("leads", f"{V1}/leads/archived", {"sort": "update_time DESC"}):
            at = moment(lead.get("update_time"))
            if since and at and at < since:
                return
            yield _lead(lead)

    def lead_ids(self) -> Iterator[str]:
        for path in (f"{V1}/leads", f"{V1}/leads/archived"):
            for lead in self._by_start("leads", path, {}):
                yield str(lead["id"])

    def users(self) -> Iterator[Json]:
        for user in self._get("users", f"{V1}/users", {})["data"] or []:
            yield {name: user.get(name) for name in USER}

    def listed(self, stream: str) -> Iterator[Json]:
        """Pipelines or stages."""
        return self._by_cursor(stream, f"{V2}/{stream}", {})

    def first(self, stream: str) -> Json | None:
        """One record of a stream, to see whether it may be read."""
        if stream == "leads":
            pages = self._by_start(stream, f"{V1}/leads", {"limit": 1})
        elif stream == "users":
            pages = self.users()
        else:
            pages = self._by_cursor(stream, f"{V2}/{stream}", {"limit": 1})
        return next(pages, None)

    def _by_cursor(self, stream: str, path: str, params: Json) -> Iterator[Json]:
        cursor, asked = None, set[str]()
        while True:
            answer = self._get(stream, path, {"limit": PAGE, **params, **({"cursor": cursor} if cursor else {})})
            yield from answer["data"] or []
            cursor = (answer.get("additional_data") or {}).get("next_cursor")
            if not cursor:
                return
            if cursor in asked:
                raise CorruptResponse(self.source, stream, "endless paging: the same cursor came a second time")
            asked.add(cursor)

    def _by_start(self, stream: str, path: str, params: Json) -> Iterator[Json]:
        start = 0
        while True:
            answer = self._get(stream, path, {"limit": PAGE, **params, "start": start})
            yield from answer["data"] or []
            paging = (answer.get("additional_data") or {}).get("pagination") or {}
            if not paging.get("more_items_in_collection"):
                return
            if int(paging.get("next_start") or 0) <= start:
                raise CorruptResponse(self.source, stream, "endless paging: the next page is not after this one")
            start = int(paging["next_start"])

    def _get(self, stream: str, path: str, params: Json) -> Any:
        return self.client.get(stream, path, params, read=exact_json, check=wrong)


def _since(since: datetime | None) -> Json:
    return {} if since is None else {"updated_since": f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}


def _person(record: Json) -> Json:
    """Without names and numbers. `email`: the primary address, or the first."""
    addresses = [entry for entry in record.get("emails") or [] if isinstance(entry, dict) and entry.get("value")]
    addresses.sort(key=lambda entry: not entry.get("primary"))
    kept = {name: record.get(name) for name in PERSON}
    return kept | {"email": addresses[0]["value"] if addresses else None}


def _lead(record: Json) -> Json:
    """Without its title, which mostly is somebody's name."""
    return {name: record.get(name) for name in LEAD}

"""HubSpot's HTTP surface: the pinned version, paths, limits, errors, and one function a request kind.

Facts: developers.hubspot.com, "Usage guidelines", "Error handling", "Search the CRM". UNVERIFIED facts that this module
relies on and checks as it goes: lists come in id order and a numeric `after` is an id (`numeric_cursor`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import requests

from ingestion.client import Client
from ingestion.errors import AuthError, CorruptResponse, MissingScope, RateLimited, SourceError
from ingestion.settings import Connection, Secret
from ingestion.sources.hubspot.objects import ObjectSpec

BASE_URL = "https://api.hubapi.com"
VERSION = "2026-09"
"""The dated API generation asked for; lives 18 months from its release. `LEGACY` is spoken where it answers 404."""
LEGACY = "v3"
SEARCH_PAGE, SEARCH_WINDOW = 200, 10_000
ASSOCIATION_INPUTS = 1_000
OWNERS_PAGE = 500

Json = dict[str, Any]


class NotFound(SourceError):
    """HTTP 404, or 400 for a kind of object that the portal does not know."""


@dataclass
class HubSpotDialect:
    """client.Dialect of HubSpot: bearer token, 190 requests in 10 s until told otherwise, 5 searches a second."""

    token: Secret
    rates: Mapping[str, tuple[int, float]] = field(default_factory=lambda: {"burst": (190, 10.0), "search": (5, 1.0)})

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.token.reveal()}"}

    def pace(self, method: str, path: str) -> str:
        return "search" if path.endswith("/search") else "burst"

    def announced(self, headers: Mapping[str, str]) -> tuple[str, int, float] | None:
        try:
            limit = int(headers["X-HubSpot-RateLimit-Max"])
            return "burst", limit, int(headers.get("X-HubSpot-RateLimit-Interval-Milliseconds", 10_000)) / 1000
        except (KeyError, ValueError):
            return None

    def wait_asked(self, response: requests.Response) -> float | None:
        """Retry-After where sent; else by policy: daily = not within this run, secondly 1 s, rolling 10 s."""
        if response.status_code != 429:
            return _number(response.headers.get("Retry-After"))
        policy = f"{_error(response).get('policyName', '')} {_error(response).get('message', '')}".upper()
        if "DAILY" in policy:
            return float("inf")
        if (asked := _number(response.headers.get("Retry-After"))) is not None:
            return asked
        return 1.0 if "SECONDLY" in policy and "TEN_SECONDLY" not in policy else 10.0

    def refusal(self, response: requests.Response, source: str, stream: str, url: str) -> SourceError:
        body = _error(response)
        known: dict[str, Any] = {"source": source, "stream": stream, "url": url}
        if response.status_code == 401:
            return AuthError(
                message="HubSpot refused the token (HTTP 401: wrong, expired or revoked)",
                guidance=f"Set a valid private-app or service-key token in {_variable(source)} and run again.", **known,
            )  # fmt: skip
        if response.status_code == 403:
            scopes = ", ".join(sorted(_scopes(body))) or "unknown (HubSpot did not name it)"
            return MissingScope(
                message=f"the token lacks the scope {scopes}", scope=scopes,
                guidance="Add the scope to the private app or service key in HubSpot, then run again.", **known,
            )  # fmt: skip
        if response.status_code == 429:
            return RateLimited(
                message="the account's daily allowance of API requests is used up",
                guidance="It resets at midnight in the account's time zone; the next run goes on from here.", **known,
            )  # fmt: skip
        unknown = response.status_code == 400 and "infer object type" in str(body.get("message"))
        kind = NotFound if response.status_code == 404 or unknown else SourceError
        category = body.get("category") or body.get("errorType") or "no category"
        return kind(message=f"HubSpot answered HTTP {response.status_code} ({category})", **known)


class Api:
    """HubSpot's requests for one connection. `style` is VERSION or LEGACY."""

    def __init__(self, connection: Connection, *, threads: int = 16, **options: Any) -> None:
        self.source = connection.name
        dialect = HubSpotDialect(connection.credentials["ACCESS_TOKEN"])
        self.client = Client(connection.name, connection.base_url, dialect, threads=threads, **options)
        self.style = VERSION

    def path(self, area: str, rest: str) -> str:
        """`/crm/objects/2026-09/deals` or `/crm/v3/objects/deals`; associations are v4 in the legacy style."""
        if self.style == VERSION:
            return f"/crm/{area}/{VERSION}/{rest}".rstrip("/")
        return f"/crm/{'v4' if area == 'associations' else LEGACY}/{area}/{rest}".rstrip("/")

    def pipelines(self, stream: str, objects: str) -> list[Json]:
        """All pipelines of an object with their stages. The first request of a run: finds which style is spoken."""
        try:
            return self._whole(stream, self.path("pipelines", objects))
        except NotFound:
            if self.style == LEGACY:
                raise
        self.style = LEGACY
        return self._whole(stream, self.path("pipelines", objects))

    def property_definitions(self, stream: str, objects: str) -> list[Json]:
        """All property definitions of an object."""
        return self._whole(stream, self.path("properties", objects))

    def owners(self, stream: str, *, archived: bool) -> Iterator[Json]:
        """Owners, active or archived."""
        path, after = self.path("owners", ""), None
        while True:
            params: Json = {"limit": OWNERS_PAGE, "archived": _text(archived)} | ({"after": after} if after else {})
            answer = self.client.get(stream, path, params, check=_turning(after))
            yield from answer["results"]
            if not (after := _after(answer)):
                return

    def page(
        self, spec: ObjectSpec, *, after: str | None, archived: bool = False, slim: bool = False
    ) -> tuple[list[Json], str | None]:
        """One list page and the cursor of the next. `slim` asks for the modification date only (100 records a page)."""
        params: Json = {
            "limit": 100 if slim else spec.page,
            "archived": _text(archived),
            "properties": spec.modified if slim else ",".join(spec.properties),
        }
        if spec.history and not slim:
            params["propertiesWithHistory"] = ",".join(spec.history)
        if after:
            params["after"] = after
        answer = self.client.get(spec.stream, self.path("objects", spec.name), params, check=_turning(after))
        return answer["results"], _after(answer)

    def every(self, spec: ObjectSpec) -> Iterator[Json]:
        """All live records of a small object, page by page."""
        after = None
        while True:
            records, after = self.page(spec, after=after)
            yield from records
            if not after:
                return

    def batch(self, spec: ObjectSpec, ids: Sequence[int], *, archived: bool = False) -> list[Json]:
        """Records of at most `spec.page` ids, strongly consistent. Ids that do not exist are simply not returned."""
        body = {
            "inputs": [{"id": str(number)} for number in ids],
            "properties": list(spec.properties),
            "propertiesWithHistory": list(spec.history),
        }
        path = self.path("objects", f"{spec.name}/batch/read") + ("?archived=true" if archived else "")
        return list(self.client.post(spec.name, path, body, check=_has_results)["results"])

    def search(
        self, spec: ObjectSpec, filters: Iterable[Json], *, limit: int, after: int = 0, newest_first: bool = False
    ) -> tuple[int, list[tuple[int, str | None]]]:
        """(total, [(id, modification date)]) in id order, or the last modified first. Live records only, with a lag."""
        sort = (spec.modified, "DESCENDING") if newest_first else ("hs_object_id", "ASCENDING")
        body = {
            "filterGroups": [{"filters": list(filters)}] if (filters := list(filters)) else [],
            "sorts": [{"propertyName": sort[0], "direction": sort[1]}],
            "properties": [spec.modified],
            "limit": limit,
            "after": str(after),
        }
        answer = self.client.post(
            spec.stream, self.path("objects", f"{spec.name}/search"), body,
            check=lambda a: _has_results(a) or (None if isinstance(a.get("total"), int) else "an answer without total"),
        )  # fmt: skip
        rows = [
            (
                identity(r) or identity({"id": (r.get("properties") or {}).get("hs_object_id")}),
                (r.get("properties") or {}).get(spec.modified) or r.get("updatedAt"),
            )
            for r in answer["results"]
        ]
        return answer["total"], [(number, modified) for number, modified in rows if number is not None]

    def associations(self, stream: str, origin: str, target: str, ids: Sequence[int]) -> dict[str, list[Json]]:
        """{from id: associated records} of at most ASSOCIATION_INPUTS ids; ids without any are there with []."""
        found: dict[str, list[Json]] = {str(number): [] for number in ids}
        inputs: list[Json] = [{"id": str(number)} for number in ids]
        path = self.path("associations", f"{origin}/{target}/batch/read")
        while inputs:
            answer = self.client.post(stream, path, {"inputs": inputs}, check=_has_results)
            asked, inputs = {(i["id"], i.get("after")) for i in inputs}, []
            for result in answer["results"]:
                sender = str(result["from"]["id"])
                found.setdefault(sender, []).extend(result.get("to") or [])
                if after := _after(result):
                    if (sender, after) in asked:
                        raise CorruptResponse(self.source, stream, "paging turns in a circle", record=sender)
                    inputs.append({"id": sender, "after": after})
        return found

    def _whole(self, stream: str, path: str) -> list[Json]:
        return list(self.client.get(stream, path, check=_has_results)["results"])


def identity(record: Json) -> int | None:
    """A record's id as a number; None where there is none (such a record is landed, and rejected at loading)."""
    try:
        return int(record["id"])
    except (KeyError, TypeError, ValueError):
        return None


def numeric_cursor(after: str | None, last: int | None) -> bool:
    """Whether a list's cursor is the id order's: the last id of the page, or one more."""
    return bool(after and after.isdigit() and last is not None and last <= int(after) <= last + 1)


def above(spec_property: str, operator: str, value: int | str) -> Json:
    """One search filter."""
    return {"propertyName": spec_property, "operator": operator, "value": str(value)}


def _has_results(answer: Any) -> str | None:
    ok = isinstance(answer, dict) and isinstance(answer.get("results"), list)
    return None if ok else "an answer without results"


def _turning(after: str | None) -> Any:
    """A check that the next cursor differs from this one."""

    def check(answer: Any) -> str | None:
        if wrong := _has_results(answer):
            return wrong
        return "endless paging: the same cursor came twice" if after and _after(answer) == after else None

    return check


def _after(answer: Json) -> str | None:
    return ((answer.get("paging") or {}).get("next") or {}).get("after") or None


def _error(response: requests.Response) -> Json:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _scopes(body: Json) -> set[str]:
    contexts = [body.get("context")] + [e.get("context") for e in body.get("errors") or [] if isinstance(e, dict)]
    lists = [
        c.get(key) for c in contexts if isinstance(c, dict) for key in ("requiredGranularScopes", "requiredScopes")
    ]
    return {str(scope) for scopes in lists if scopes for scope in scopes}


def _number(text: str | None) -> float | None:
    try:
        return max(0.0, float(text)) if text is not None else None
    except ValueError:
        return None


def _text(value: bool) -> str:
    return "true" if value else "false"


def _variable(source: str) -> str:
    """The environment variable that holds a connection's token."""
    return "HUBSPOT_ACCESS_TOKEN" if source == "hubspot" else f"HUBSPOT__{source.upper()}_ACCESS_TOKEN"

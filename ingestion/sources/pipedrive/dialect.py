"""How Pipedrive talks at the HTTP edge: token, bursts, the day's budget, refusals.

Facts: pipedrive.readme.io "Rate limiting", developers.pipedrive.com changelog, the official client's models.
UNVERIFIED, all of it here:
- a 429 tells neither a burst from a used-up day nor how long to wait: `PATIENCE` of them in a row are the day (the
  burst's window is two seconds), and the budget comes back at the server's midnight, taken as UTC;
- a 403 that is HTML is the gateway's block of somebody who went on after 429: nothing further is asked;
- the changelog of a deal is newest first (`NEWEST_FIRST`; only used where all its times are one);
- deleting a deal moves its `update_time`, which is when it was deleted;
- merging deletes the loser without naming the survivor: losers are deleted deals;
- the company's currency is the default currency of the token's own user.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from ingestion.dialects import PlainDialect, variables
from ingestion.errors import AuthError, MissingScope, RateLimited, SourceError
from ingestion.settings import Secret

PATIENCE = 4
BURST_SECONDS = 2.0
NEWEST_FIRST = True
LIST_COST = {"v2": 10, "v1": 20}
"""Tokens of the day's budget that a list costs; of one record a tenth (v1 and v2 alike). We ask for lists only."""
SCOPES = {
    "users": "users:read", "deals": "deals:read", "deal_changes": "recents:read", "pipelines": "deals:read",
    "stages": "deals:read", "persons": "contacts:read", "leads": "leads:read",
}  # fmt: skip
"""What an app needs for a stream. A personal token may do what its user may."""


@dataclass(eq=False)
class Refused(SourceError):
    """HTTP 4xx that concerns this one request."""

    status: int = 0


@dataclass
class PipedriveDialect(PlainDialect):
    """client.Patient of Pipedrive."""

    token: Secret = field(default_factory=lambda: Secret(""))
    rates: Mapping[str, tuple[int, float]] = field(default_factory=lambda: {"api": (20, BURST_SECONDS)})
    """The smallest plan's; the first answer announces one's own."""
    patience: int = PATIENCE
    spent: int = 0
    """Tokens of the day's budget that this run has cost, by the published prices."""
    _counting: threading.Lock = field(default_factory=threading.Lock)

    def headers(self) -> Mapping[str, str]:
        return {"x-api-token": self.token.reveal()}

    def pace(self, method: str, path: str) -> str:
        with self._counting:
            self.spent += LIST_COST["v2" if "/v2/" in path else "v1"]
        return "api"

    def announced(self, headers: Mapping[str, str]) -> tuple[str, int, float] | None:
        super().announced(headers)
        limit = headers.get("x-ratelimit-limit", "")
        return ("api", int(limit), BURST_SECONDS) if limit.isdigit() else None

    def wait_asked(self, response: requests.Response) -> float | None:
        """A 429 asks for the rest of the burst's window, whether it says so or not."""
        if response.status_code != 429:
            return super().wait_asked(response)
        told = response.headers.get("Retry-After") or response.headers.get("x-ratelimit-reset") or ""
        return float(told) if told.isdigit() else BURST_SECONDS

    def refusal(self, response: requests.Response, source: str, stream: str, url: str) -> SourceError:
        status, known = response.status_code, {"source": source, "stream": stream, "url": url}
        if status == 429:
            return RateLimited(
                message=f"the company's daily budget of API tokens is used up (this run has cost {self.spent:,} of it)",
                guidance="What was complete is landed. The budget is new at midnight UTC: come back after it, the next "
                "run goes on from here. It grows with plan and seats.", **known,
            )  # fmt: skip
        if status == 403 and "json" not in response.headers.get("Content-Type", ""):
            return RateLimited(
                message="Pipedrive's gateway blocks us for having asked too much",
                guidance="What was complete is landed. Come back in an hour, and let other integrations rest.", **known,
            )  # fmt: skip
        if status == 401:
            return AuthError(
                message="Pipedrive refused the token (HTTP 401)",
                guidance=f"Check {variables('pipedrive', source, 'COMPANY_DOMAIN', 'API_TOKEN')}: a token ends when "
                "its user makes a new one or leaves.", **known,
            )  # fmt: skip
        if status == 402:
            return AuthError(
                message="the company's account is suspended (HTTP 402)", guidance="Ask its owner.", **known
            )
        if status == 403:
            scope = SCOPES.get(stream, "deals:read")
            return MissingScope(
                message=f"the token's user may not read this: it lacks '{scope}'", scope=scope,
                guidance="Use the token of an admin with access to all deals, then run again.", **known,
            )  # fmt: skip
        return Refused(message=f"Pipedrive answered HTTP {status}", status=status, **known)


def wrong(answer: Any) -> str | None:
    """What is wrong with a parsed answer: every good one is {"success": true, "data": …}."""
    if not isinstance(answer, dict) or "data" not in answer:
        return "an answer without data"
    return None if answer.get("success") is True else "success is not true"

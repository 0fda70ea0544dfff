"""How Salesforce talks at the HTTP edge: session, daily allowance, refusals. Facts: developer.salesforce.com, REST API.

UNVERIFIED here: that the Date header of an answer is the clock that SystemModstamp is taken from, to the minute (the
overlap covers more); that a hundred small requests a second are let through (no rate a second is published).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from ingestion.dialects import PlainDialect, date_of, variables
from ingestion.errors import AuthError, MissingScope, RateLimited, SourceError
from ingestion.settings import Secret

TOKEN_PATH = "/services/oauth2/token"
WATCHED_FROM = 0.8
"""Share of the daily allowance from which on its use is told of."""


@dataclass(eq=False)
class Refused(SourceError):
    """HTTP 4xx that concerns this one request. `code`: Salesforce's errorCode."""

    code: str = ""


@dataclass
class SalesforceDialect(PlainDialect):
    """client.Renewing of Salesforce. `login` gets a new token, from the client credentials."""

    rates: Mapping[str, tuple[int, float]] = field(default_factory=lambda: {"api": (100, 1.0)})
    login: Callable[[], Secret] = lambda: Secret("")
    token: Secret | None = None
    used: tuple[int, int] | None = None
    """Daily API requests of the org: (used, allowed), as the last answer told them."""
    _renewing: threading.Lock = field(default_factory=threading.Lock)

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.token.reveal()}"} if self.token else {}

    def announced(self, headers: Mapping[str, str]) -> tuple[str, int, float] | None:
        """No rate is ever announced; the day's use is kept, and the server's clock."""
        if match := re.match(r"api-usage=(\d+)/(\d+)", headers.get("Sforce-Limit-Info", "")):
            self.used = int(match[1]), int(match[2])
        return super().announced(headers)

    def renew(self, response: requests.Response) -> bool:
        """One login for all threads whose session ended. A new one that is refused too is an AuthError."""
        if response.status_code != 401 or response.url.endswith(TOKEN_PATH):
            return False
        with self._renewing:
            if response.request.headers.get("Authorization") == self.headers().get("Authorization"):
                self.token = None  # nothing of the old session goes with the login
                self.token = self.login()
        return True

    def refusal(self, response: requests.Response, source: str, stream: str, url: str) -> SourceError:
        code, known = error_code(response), {"source": source, "stream": stream, "url": url}
        if response.status_code == 401 or response.url.endswith(TOKEN_PATH):
            names = variables("salesforce", source, "INSTANCE_URL", "CLIENT_ID", "CLIENT_SECRET")
            return AuthError(
                message=f"Salesforce refused the login (HTTP {response.status_code}, {code})",
                guidance=f"Check {names}, and that the app has the client credentials flow and a run-as user.", **known,
            )  # fmt: skip
        if code == "REQUEST_LIMIT_EXCEEDED":
            back = (date_of(response.headers) or datetime.now(UTC)) + timedelta(hours=24)
            return RateLimited(
                message=f"the org's daily allowance of API requests is used up{self._usage()}",
                guidance="What was complete is landed. It frees up over 24 hours: come back in an hour, by "
                f"{back:%Y-%m-%d %H:%M} UTC at the latest; the next run goes on from here.", **known,
            )  # fmt: skip
        if response.status_code == 403:
            scope = "API Enabled" if code == "API_DISABLED_FOR_ORG" else "View All on the object"
            return MissingScope(
                message=f"the run-as user may not do this ({code}): it lacks '{scope}'", scope=scope,
                guidance="Give the permission to the run-as user of the connected app, then run again.", **known,
            )  # fmt: skip
        return Refused(message=f"Salesforce answered HTTP {response.status_code} ({code})", code=code, **known)

    def warning(self) -> str | None:
        """What people should know of the daily allowance."""
        if self.used and self.used[1] and self.used[0] / self.used[1] >= WATCHED_FROM:
            return f"the org has used {self.used[0] / self.used[1]:.0%} of its daily API requests{self._usage()}"
        return None

    def _usage(self) -> str:
        return f" ({self.used[0]:,} of {self.used[1]:,})" if self.used else ""


def error_code(response: requests.Response) -> str:
    """errorCode of the array that an error is, or `error` of the token endpoint's; never their texts."""
    try:
        body: Any = response.json()
    except ValueError:
        return "no code"
    first = body[0] if isinstance(body, list) and body else body
    found = (first.get("errorCode") or first.get("error")) if isinstance(first, dict) else None
    return str(found) if found and re.fullmatch(r"\w{1,60}", str(found)) else "no code"

"""Dialect of vendors whose requests carry a bearer token: sent, renewed where it ends, refusals told in their words."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import requests

from ingestion.client import Client
from ingestion.errors import AuthError, MissingScope, RateLimited, SourceError
from ingestion.settings import Secret

Kind = Literal["credentials", "permission", "spent", "other"]


@dataclass(frozen=True)
class Words:
    """What a vendor's refusals are told with; the texts are guidance, for people."""

    title: str
    credentials: str
    """Which variables to look at, and how a token ends."""
    permission: str
    """What to grant where an account may not be read."""
    scope: str
    spent: str
    """When to come back where the allowance is used up."""
    allowance: str = "the allowance of requests"


@dataclass
class Bearer:
    """client.Renewing. `login`: gets a token, where it is not given for good."""

    words: Words
    token: Secret | None = None
    login: Callable[[], Secret] | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    rates: Mapping[str, tuple[int, float]] = field(default_factory=lambda: {"api": (10, 1.0)})
    _renewing: threading.Lock = field(default_factory=threading.Lock)

    def headers(self) -> Mapping[str, str]:
        """Errors: what logging in raises, before the first request."""
        if self.token is None and self.login:
            with self._renewing:
                self.token = self.token or self.login()
        return {**self.extra, **self._authorization()}

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token.reveal()}"} if self.token else {}

    def pace(self, method: str, path: str) -> str:
        return "api"

    def announced(self, headers: Mapping[str, str]) -> tuple[str, int, float] | None:
        return None

    def wait_asked(self, response: requests.Response) -> float | None:
        asked = response.headers.get("Retry-After", "")
        return float(asked) if asked.isdigit() else None

    def renew(self, response: requests.Response) -> bool:
        """One login for all threads whose token ended; a new one that is refused, too, is an AuthError."""
        if response.status_code != 401 or self.login is None:
            return False
        with self._renewing:
            if response.request.headers.get("Authorization") == self._authorization().get("Authorization"):
                self.token = self.login()
        return True

    def kind(self, response: requests.Response) -> tuple[Kind, str]:
        """What a refusal is about, and the vendor's code of it; never its text."""
        kinds: dict[int, Kind] = {401: "credentials", 403: "permission", 429: "spent"}
        match = re.search(r'"(?:status|code|error_code|error)"\s*:\s*"?([A-Za-z_]{1,60}|\d{1,8})\b', response.text)
        return kinds.get(response.status_code, "other"), match[1] if match else f"HTTP {response.status_code}"

    def refusal(self, response: requests.Response, source: str, stream: str, url: str) -> SourceError:
        return refused(self.words, *self.kind(response), source, stream, url)


def refused(words: Words, kind: Kind, code: str, source: str, stream: str, url: str | None = None) -> SourceError:
    """The error of a refusal, by what it is about."""
    known: dict[str, Any] = {"source": source, "stream": stream, "url": url}
    if kind == "credentials":
        return AuthError(message=f"{words.title} refused the credentials ({code})", guidance=words.credentials, **known)
    if kind == "permission":
        message = f"the account may not be read ({code})"
        return MissingScope(message=message, guidance=words.permission, scope=words.scope, **known)
    if kind == "spent":
        return RateLimited(
            message=f"{words.allowance} is used up ({code})",
            guidance=f"What was complete is landed. {words.spent}", **known,
        )  # fmt: skip
    return SourceError(message=f"{words.title} answered {code}", **known)


def refreshed(words: Words, source: str, base: str, path: str, form: Mapping[str, str]) -> Secret:
    """An access token from a token endpoint, by OAuth's form. Errors: AuthError where it gives none."""
    with Client(source, base, _TokenDialect(words)) as client:
        answer = client.call(
            "token", "POST", path, form=form,
            check=lambda told: None if told.get("access_token") else "an answer without access_token",
        )  # fmt: skip
    return Secret(str(answer["access_token"]))


@dataclass
class _TokenDialect(Bearer):
    """Of the token endpoint: no credential of ours goes in its headers."""

    def kind(self, response: requests.Response) -> tuple[Kind, str]:
        return "credentials", f"no token, HTTP {response.status_code}"

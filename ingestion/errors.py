"""What can go wrong at a source, said so that a person knows where and what to do. No bodies, tokens or e-mails."""

from __future__ import annotations

from dataclasses import dataclass


class ConfigError(Exception):
    """Wrong configuration (environment or funnel.yml): exit code 2, nothing has been run."""


@dataclass(eq=False)
class SourceError(Exception):
    """A source could not give a stream. The window is not landed; what was landed and published before stays."""

    source: str
    stream: str
    message: str
    guidance: str = "Run again; if it persists, look at the URL with `funnel check`."
    scope: str | None = None
    record: str | None = None
    url: str | None = None

    def __str__(self) -> str:
        where = f"{self.source}/{self.stream}" + (f" record {self.record}" if self.record else "")
        url = f" [{self.url}]" if self.url else ""
        return f"{where}: {self.message}{url}. {self.guidance}"


class AuthError(SourceError):
    """The credential was refused: the whole connection stops."""


class MissingScope(SourceError):
    """The credential is good but lacks a scope, named in `scope`."""


class RateLimited(SourceError):
    """The vendor's daily allowance is used up; waiting within the run would not help."""


class Unreachable(SourceError):
    """Nothing has answered at the account's address since the run began: the whole connection stops."""


class CorruptResponse(SourceError):
    """An answer that is not whole, not JSON, or pages in a circle, and stayed so over all tries."""


class LandingError(Exception):
    """A landing file is damaged or cannot be written."""

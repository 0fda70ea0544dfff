"""What most vendors' dialects have in common (client.Dialect): one allowance, Retry-After, the Date header as clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests


@dataclass
class PlainDialect:
    """Base of a dialect: `headers`, `refusal` and the rate are the vendor's own."""

    rates: Mapping[str, tuple[int, float]] = field(default_factory=lambda: {"api": (10, 1.0)})
    clock: datetime | None = None
    """When the last answer was made, by the server."""

    def pace(self, method: str, path: str) -> str:
        return "api"

    def announced(self, headers: Mapping[str, str]) -> tuple[str, int, float] | None:
        """No rate is announced; the server's clock is kept."""
        self.clock = date_of(headers) or self.clock
        return None

    def wait_asked(self, response: requests.Response) -> float | None:
        asked = response.headers.get("Retry-After", "")
        return float(asked) if asked.isdigit() else None

    def now(self) -> datetime:
        """The server's clock at its last answer; ours before the first."""
        return self.clock or datetime.now(UTC)


def date_of(headers: Mapping[str, str]) -> datetime | None:
    """The Date header as an instant."""
    try:
        return parsedate_to_datetime(headers.get("Date", "")).astimezone(UTC)
    except ValueError:
        return None


def variables(vendor: str, source: str, *suffixes: str) -> str:
    """Names of a connection's environment variables, for people to look at."""
    prefix = vendor.upper() if source == vendor else f"{vendor.upper()}__{source.upper()}"
    return ", ".join(f"{prefix}_{suffix}" for suffix in suffixes)

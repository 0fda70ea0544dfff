"""`funnel check` of a vendor whose streams are each looked at by one request."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ingestion.errors import AuthError, MissingScope, SourceError, Unreachable
from ingestion.stream import CheckResult, Vendor


def look(vendor: Vendor, source: str, looks: Mapping[str, Callable[[], str]]) -> list[CheckResult]:
    """{stream: what tells that it may be read, as a detail} → a line each; the first that finds the whole connection
    refused is the last. A missing scope of an optional stream is no failure.
    """
    found = []
    for name, seen in looks.items():
        try:
            found.append(CheckResult(source, name, True, seen()))
        except MissingScope as error:
            found.append(CheckResult(source, name, vendor.stream(name).optional, error.message, error.scope))
        except SourceError as error:
            found.append(CheckResult(source, name, False, f"{error.message}. {error.guidance}"))
            if isinstance(error, AuthError | Unreachable):
                break
    return found

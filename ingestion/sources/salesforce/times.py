"""Instants as Salesforce writes them: by REST without a colon in the offset, in CSV with Z, in SOQL unquoted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def moment(text: Any) -> datetime | None:
    """UTC instant of either spelling; None where it is neither."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def milliseconds(text: Any) -> int | None:
    """Epoch milliseconds of either spelling."""
    found = moment(text)
    return None if found is None else round(found.timestamp() * 1000)


def literal(text: Any) -> str:
    """The same instant as SOQL takes it; empty where it is none."""
    found = moment(text)
    return "" if found is None else f"{found:%Y-%m-%dT%H:%M:%S}.{found.microsecond // 1000:03}Z"


def is_true(value: Any) -> bool:
    """A boolean of JSON or of CSV."""
    return value is True or value == "true"

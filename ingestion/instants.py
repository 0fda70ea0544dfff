"""Instants as vendors write them, and when what is due only now and then is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

SWEEP_EVERY = timedelta(days=7)


def moment(value: Any) -> datetime | None:
    """UTC instant of an ISO text (without a zone: UTC) or of seconds since 1970; None where it is neither."""
    text = str(value)
    try:
        if text.isdigit():
            return datetime.fromtimestamp(int(text), UTC)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def is_due(swept: datetime | None, clock: datetime) -> bool:
    """Whether the last comparison of all ids is a week old, or there was none."""
    return swept is None or clock - swept >= SWEEP_EVERY

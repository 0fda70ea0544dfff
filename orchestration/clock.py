"""What `--as-of` means: a date (its end, in the reporting time zone) or an instant; events strictly before it count."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from orchestration.errors import WrongUse


def parse_as_of(text: str | None, timezone: str, now: datetime, option: str = "--as-of") -> datetime:
    """The as-of instant in UTC; `now` where nothing is asked. `option`: whose text it is, for errors.

    Errors: WrongUse where the text is neither date nor instant, or lies after the wall clock.
    """
    if not text:
        return now
    zone = ZoneInfo(timezone)
    try:
        if len(text) == 10:
            instant = datetime.combine(date.fromisoformat(text) + timedelta(days=1), time(), zone)
        else:
            instant = datetime.fromisoformat(text)
            instant = instant if instant.tzinfo else instant.replace(tzinfo=zone)
    except ValueError:
        raise WrongUse(
            f"{option} '{text}' is neither a date nor an instant.",
            "Write 2026-03-31 (its end, in the reporting time zone) or 2026-04-01T00:00:00Z.",
        ) from None
    instant = instant.astimezone(UTC)
    if instant > now:
        raise WrongUse(f"{option} {text} lies after the wall clock.", valid_range(None, now))
    return instant


def check_range(as_of: datetime, first_event: datetime | None, now: datetime) -> None:
    """WrongUse where nothing had happened yet before `as_of`; no first event known: nothing is checked."""
    if first_event is not None and as_of <= first_event:
        raise WrongUse(f"--as-of {_text(as_of)} is before the first event.", valid_range(first_event, now))


def valid_range(first_event: datetime | None, now: datetime) -> str:
    """The sentence that names the instants that would do."""
    since = f"after {_text(first_event)} (the first event) and" if first_event else "a past instant,"
    return f"Valid: {since} at latest {_text(now)} (now)."


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

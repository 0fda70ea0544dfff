"""When a month is closed: the setting `close` of funnel.yml, and the instant at which the books of a month stand."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field


class Close(BaseModel):
    """The day after a month's end on which it is closed: its n-th business day, or a calendar day where one is given.

    Business days are Monday to Friday without `holidays`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    business_day: int = Field(default=8, ge=1, le=20)
    calendar_day: int | None = Field(default=None, ge=1, le=28)
    holidays: tuple[date, ...] = ()

    def day(self, month: date) -> date:
        """The closing day of the month that begins on `month`; it lies in the month after."""
        first = next_month(month)
        if self.calendar_day is not None:
            return first.replace(day=self.calendar_day)
        days = (first + timedelta(days=n) for n in range(62))
        open_days = [day for day in days if day.isoweekday() <= 5 and day not in self.holidays]
        return open_days[self.business_day - 1]

    def cut_off(self, month: date, timezone: str) -> datetime:
        """First instant of the closing day, in UTC: what is known by then is what the month is closed with."""
        return midnight(self.day(month), timezone)

    def is_late(self, month: date, timezone: str, now: datetime) -> bool:
        """Whether the closing day is over."""
        return now >= midnight(self.day(month) + timedelta(days=1), timezone)


def next_month(month: date) -> date:
    """First day of the month after."""
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1)


def midnight(day: date, timezone: str) -> datetime:
    """First instant of a day of the reporting time zone, in UTC."""
    return datetime.combine(day, time(), ZoneInfo(timezone)).astimezone(UTC)

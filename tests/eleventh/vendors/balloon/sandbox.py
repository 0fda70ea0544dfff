"""Balloon's stand-in: one banner, `autumn`, that flies every second day for 123.45 EUR."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from ingestion.sandbox.standins import Answer, Asked
from ingestion.sandbox.world import World

KEY, COST = "balloon-key", "123.45"


class Balloon:
    def __init__(self, world: World) -> None:
        self.world = world

    def answer(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization") != f"Bearer {KEY}":
            return 401, {"error": "no_key"}, {}
        if asked.path == "/banners":
            return 200, [{"id": "b1", "title": "autumn", "state": "UP"}], {}
        days = self.days(date.fromisoformat(asked.first("since")), date.fromisoformat(asked.first("until")))
        return 200, [{"banner": "b1", "day": day.isoformat(), "seen": 1_000, "cost": COST} for day in days], {}

    def days(self, first: date, last: date) -> list[date]:
        """Days flown, today included."""
        today = datetime.fromtimestamp(self.world.now / 1_000, UTC).date()
        span = (first + timedelta(n) for n in range((min(last, today) - first).days + 1))
        return [day for day in span if day.toordinal() % 2]


STAND_IN = Balloon

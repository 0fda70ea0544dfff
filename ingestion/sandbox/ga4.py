"""GA4's stand-in over the generated world: a property, sessions by source, medium and campaign, thresholds, quotas.

Sessions of a day come in over three days, its key events over twelve. `thresholded`: whether Google says that rows are
hidden; `barred`: metrics that go with no campaign; `tokens`: what is left of the day; `concurrent`: so many refusals.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from ingestion.sandbox.advertising import days
from ingestion.sandbox.standins import Answer, Asked
from ingestion.sandbox.world import World

PROPERTY, TOKEN = "330011", "ga4-token"
CREDENTIALS = {
    "CLIENT_ID": "ga4-client", "CLIENT_SECRET": "ga4-secret", "REFRESH_TOKEN": "ga4-refresh", "PROPERTY_ID": PROPERTY,
}  # fmt: skip
ORIGINS = (
    ("google", "cpc", "501", "brand-search"), ("google", "organic", "(not set)", "(organic)"),
    ("newsletter", "email", "(not set)", "spring"), ("(direct)", "(none)", "(not set)", "(direct)"),
)  # fmt: skip
BACK = 400
"""Days before the world's start from which on the property counts."""


class GA4:
    """standins.StandIn."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.start = datetime.fromtimestamp(world.start_now / 1_000, UTC).date()
        self.issued, self.tokens, self.concurrent = 0, 199_000, 0
        self.thresholded, self.barred = False, ()

    @property
    def today(self) -> date:
        return datetime.fromtimestamp(self.world.now / 1_000, UTC).date()

    def answer(self, asked: Asked) -> Answer:
        return (*self._answer(asked), {})

    def refusal(self, rule: Mapping[str, Any]) -> Answer | None:
        told = {"429": (429, "RESOURCE_EXHAUSTED"), "401": (401, "UNAUTHENTICATED"), "500": (500, "INTERNAL"),
                "403_scope": (403, "PERMISSION_DENIED"), "503": (503, "UNAVAILABLE")}.get(rule["kind"])  # fmt: skip
        return (told[0], error(*told, str(rule.get("message", "quota"))), {}) if told else None

    def _answer(self, asked: Asked) -> tuple[int, Any]:
        if asked.path == "/token":
            names = ("CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN")
            if any(asked.body.get(name.lower()) != CREDENTIALS[name] for name in names):
                return 400, {"error": "invalid_grant"}
            self.issued += 1
            return 200, {"access_token": f"{TOKEN}-{self.issued}", "expires_in": 3599}
        if asked.headers.get("authorization") != f"Bearer {TOKEN}-{self.issued}":
            return 401, error(401, "UNAUTHENTICATED")
        match = re.fullmatch(r"/properties/(\d+):(\w+)", asked.path)
        if not match or match[1] != PROPERTY:
            return 403, error(403, "PERMISSION_DENIED")
        if self.concurrent:
            self.concurrent -= 1
            return 429, error(429, "RESOURCE_EXHAUSTED", "Exhausted concurrent requests quota.")
        metrics = [metric["name"] for metric in asked.body.get("metrics") or []]
        if match[2] == "checkCompatibility":
            told = [
                {"metricMetadata": {"apiName": m}, "compatibility": "INCOMPATIBLE"} for m in metrics if m in self.barred
            ]
            return 200, {"metricCompatibilities": told, "kind": "analyticsData#checkCompatibility"}
        if set(metrics) & set(self.barred):
            return 400, error(400, "INVALID_ARGUMENT")
        return 200, self._report(asked.body, metrics)

    def _report(self, body: Mapping[str, Any], metrics: list[str]) -> dict[str, Any]:
        [span] = body["dateRanges"]
        wanted = [dimension["name"] for dimension in body.get("dimensions") or []]
        first, last = (self._day(span[name]) for name in ("startDate", "endDate"))
        found = list(self.rows(first, last)) if wanted else []
        at, limit = int(body.get("offset", "0")), int(body.get("limit", "10000"))
        self.tokens -= 5
        told: dict[str, Any] = {
            "dimensionHeaders": [{"name": name} for name in wanted],
            "metricHeaders": [{"name": name, "type": "TYPE_INTEGER"} for name in metrics],
            "metadata": {"currencyCode": "EUR", "timeZone": "Europe/Berlin", "subjectToThresholding": self.thresholded},
            "propertyQuota": {"tokensPerDay": {"consumed": 5, "remaining": self.tokens}},
            "kind": "analyticsData#runReport",
        }
        if found:  # without data neither rows nor their number
            told["rows"] = [
                {
                    "dimensionValues": [{"value": row[n]} for n in wanted],
                    "metricValues": [{"value": row[n]} for n in metrics],
                }
                for row in found[at : at + limit]
            ]
            told["rowCount"] = len(found)
        return told

    def _day(self, text: str) -> date:
        return self.today - timedelta(days=1) if text == "yesterday" else date.fromisoformat(text)

    def rows(self, first: date, last: date) -> Iterator[dict[str, str]]:
        """What the property has of these days, by name, all texts."""
        for day in days(max(first, self.start - timedelta(days=BACK)), min(last, self.today)):
            age = (self.today - day).days
            for source, medium, id, name in ORIGINS:
                random = Random(f"{self.world.seed} {source} {medium} {day}")
                sessions = int(random.randrange(20, 400) * min(1.0, (age + 1) / 3))
                events = int(sessions * random.uniform(0, 0.1) * min(1.0, (age + 1) / 12))
                cost = sessions * 0.5 if medium == "cpc" else 0.0
                yield {
                    "date": day.strftime("%Y%m%d"), "sessionSource": source, "sessionMedium": medium,
                    "sessionCampaignId": id, "sessionCampaignName": name, "sessions": str(sessions),
                    "keyEvents": str(events), "totalRevenue": "0", "advertiserAdCost": f"{cost:g}",
                    "advertiserAdClicks": "0", "advertiserAdImpressions": "0",
                }  # fmt: skip


def error(code: int, status: str, message: str = "refused by the stand-in") -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": status}}


STAND_IN = GA4

"""Mailchimp's stand-in over the generated world: an e-mail a fortnight, whose counters grow for a month."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from random import Random
from typing import Any

from ingestion.sandbox.model import DAY, instant
from ingestion.sandbox.standins import Answer, Asked
from ingestion.sandbox.world import World

KEY = "mailchimp-key-us21"
CREDENTIALS = {"API_KEY": KEY}
TITLES = ("spring", "autumn", "newsletter", "осень")


class Mailchimp:
    """standins.StandIn."""

    def __init__(self, world: World) -> None:
        self.world = world

    def answer(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization") != f"Basic {base64.b64encode(f'any:{KEY}'.encode()).decode()}":
            return 401, error(401, "API Key Invalid"), {}
        if asked.path == "/":
            return 200, {"account_id": "a1", "account_name": "Acme", "account_timezone": "Europe/Berlin"}, {}
        if asked.path != "/reports":
            return 404, error(404, "Resource Not Found"), {}
        since = instant(asked.first("since_send_time", "2000-01-01"))
        rows = [row for row in self.reports() if instant(row["send_time"]) > since]
        at, count = int(asked.first("offset", "0")), int(asked.first("count", "10"))
        return 200, {"reports": rows[at : at + count], "total_items": len(rows)}, {}

    def refusal(self, rule: Mapping[str, Any]) -> Answer | None:
        told = {"429": (429, "Too Many Requests"), "401": (401, "API Key Invalid"), "500": (500, "Internal Error"),
                "403_scope": (403, "Forbidden"), "503": (503, "Service Unavailable")}.get(rule["kind"])  # fmt: skip
        return (told[0], error(*told), {}) if told else None

    def reports(self) -> Iterator[dict[str, Any]]:
        """Of all that was sent by now, the newest first, as they stand now."""
        for number in reversed(range(60)):
            at = self.world.start_now + (number - 40) * 14 * DAY
            if at > self.world.now:
                continue
            random = Random(f"{self.world.seed} mail {number}")
            grown = min(1.0, 0.5 + (self.world.now - at) / (60 * DAY))
            sent = random.randrange(500, 3_000)
            opens, clicks = int(sent * 0.4 * grown), int(sent * 0.05 * grown)
            yield {
                "id": f"mc{number:04}", "campaign_title": TITLES[number % len(TITLES)], "type": "regular",
                "list_id": "l1",
                "subject_line": f"No. {number}", "emails_sent": sent, "abuse_reports": 0,
                "unsubscribed": int(sent * 0.004 * grown), 
                "send_time": datetime.fromtimestamp(at / 1_000, UTC).isoformat(),
                "bounces": {"hard_bounces": sent // 200, "soft_bounces": sent // 100, "syntax_errors": 0},
                "opens": {"opens_total": opens * 2, "unique_opens": opens, "open_rate": opens / sent, "last_open": ""},
                "clicks": {"clicks_total": clicks * 2, "unique_clicks": clicks, "unique_subscriber_clicks": clicks,
                           "click_rate": clicks / sent, "last_click": ""},
                "ecommerce": {"total_orders": clicks // 10, "total_spent": 0, "total_revenue": clicks * 3.5,
                              "currency_code": "USD"},
                "_links": [],
            }  # fmt: skip


def error(status: int, title: str) -> dict[str, Any]:
    return {"type": "about:blank", "title": title, "status": status, "detail": "by the stand-in", "instance": "x"}


STAND_IN = Mailchimp

"""HubSpot's marketing side over the generated world: e-mails, one of which includeStats leaves out, and a form that
people of the world sent (their e-mails are those of its contacts). `without`: scopes that the token lacks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from random import Random
from typing import Any

from ingestion.sandbox.model import DAY
from ingestion.sandbox.options import TOKEN
from ingestion.sandbox.standins import Answer, Asked
from ingestion.sandbox.world import World

CREDENTIALS = {"ACCESS_TOKEN": TOKEN}
FORM = "f0000000-demo"
LEFT_OUT = 3
"""Number of the e-mail without counters."""


class HubSpotMarketing:
    """standins.StandIn."""

    def __init__(self, world: World) -> None:
        self.world, self.without = world, set[str]()

    def answer(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, error("INVALID_AUTHENTICATION"), {}
        scope = "content" if asked.path.startswith("/marketing/v3/emails") else "forms"
        if asked.path == "/account-info/v3/details":
            return 200, {"portalId": self.world.portal_id, "companyCurrency": "EUR", "timeZone": "Europe/Berlin"}, {}
        if scope in self.without:
            return 403, error("MISSING_SCOPES"), {}
        if asked.path == "/marketing/v3/emails":
            whole = asked.first("includeStats") == "true"
            rows = [
                {k: v for k, v in row.items() if whole or k != "stats"}
                for number, row in enumerate(self.emails())
                if not whole or number != LEFT_OUT
            ]
            return 200, _page(rows, asked), {}
        if asked.path == "/marketing/v3/forms":
            forms = [{"id": FORM, "name": "Demo", "formType": "hubspot"}, {"id": "b", "formType": "blog_comment"}]
            return 200, _page(forms, asked), {}
        if asked.path == f"/form-integrations/v1/submissions/forms/{FORM}":
            return 200, _page(list(self.submissions()), asked), {}
        return 400, error("FORM_TYPE_NOT_ALLOWED"), {}

    def refusal(self, rule: Mapping[str, Any]) -> Answer | None:
        told = {"429": (429, "RATE_LIMITS"), "401": (401, "EXPIRED_AUTHENTICATION"), "500": (500, "INTERNAL_ERROR"),
                "403_scope": (403, "MISSING_SCOPES"), "503": (503, "UNAVAILABLE")}.get(rule["kind"])  # fmt: skip
        return (told[0], error(told[1]), {}) if told else None

    def emails(self) -> Iterator[dict[str, Any]]:
        """Sent by now, the oldest first, and a draft."""
        for number in range(24):
            at = self.world.start_now + (number - 18) * 20 * DAY
            if at < self.world.now:
                grown = min(1.0, 0.5 + (self.world.now - at) / (60 * DAY))
                sent = Random(f"{self.world.seed} hubspot mail {number}").randrange(200, 900)
                counters = {"sent": sent, "delivered": sent - 5, "bounce": 5, "open": int(sent * 0.4 * grown),
                            "click": int(sent * 0.06 * grown), "unsubscribed": int(sent * 0.01 * grown)}  # fmt: skip
                when = datetime.fromtimestamp(at / 1_000, UTC).isoformat().replace("+00:00", "Z")
                yield {
                    "id": f"{9_000 + number}", "name": f"newsletter {number}", "subject": "News", "state": "PUBLISHED",
                    "type": "BATCH_EMAIL", "publishDate": when, "publishedByName": "Ann Colleague",
                    "content": {"html": "…"}, "stats": {"counters": counters},
                }  # fmt: skip
        yield {"id": "9999", "name": "draft", "state": "DRAFT", "type": "BATCH_EMAIL"}

    def submissions(self) -> Iterator[dict[str, Any]]:
        """One of every fifth contact, an hour after it came to be, the newest first."""
        born = sorted((record.born, record.id) for record in self.world.records("contacts"))
        for at, id in reversed(born[::5]):
            if at + 3_600_000 < self.world.now:
                page = "https://acme.example.com/demo?utm_source=facebook&utm_medium=cpc&utm_campaign=retargeting&x=1"
                values = [
                    {"name": "email", "value": f"person{id}@example.com"},
                    {"name": "message", "value": "call me"},
                ]
                yield {"conversionId": f"c{id}", "submittedAt": at + 3_600_000, "values": values, "pageUrl": page}


def _page(rows: list[dict[str, Any]], asked: Asked) -> dict[str, Any]:
    at, limit = int(asked.first("after", "0")), int(asked.first("limit", "20"))
    more = {"paging": {"next": {"after": str(at + limit)}}} if at + limit < len(rows) else {}
    return {"results": rows[at : at + limit], **more}


def error(category: str) -> dict[str, Any]:
    return {"status": "error", "message": "refused by the stand-in", "category": category}


STAND_IN = HubSpotMarketing

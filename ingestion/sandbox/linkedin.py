"""LinkedIn's stand-in over the generated world: two ad accounts, tokens, adAnalytics that cuts off, a lead form.

`most`: elements of an answer; `versions`: those that are still served.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from ingestion.sandbox.advertising import Advertiser, Campaign, Figures
from ingestion.sandbox.standins import Answer, Asked
from ingestion.sandbox.world import World

TOKEN = "linkedin-token"
ACCOUNTS = {"5070001": ("EUR", "UTC", "Acme"), "5070002": ("USD", "UTC", "Acme US")}
CREDENTIALS = {"CLIENT_ID": "linkedin-client", "CLIENT_SECRET": "linkedin-secret", "REFRESH_TOKEN": "linkedin-refresh"}
CAMPAIGNS = (
    Campaign("5070001", "149001", "spring", "SPONSORED_UPDATES", -460, -200, removed=True),
    Campaign("5070001", "149002", "brand-search", "TEXT_AD", -130, 300),
    Campaign("5070002", "149101", "autumn", "SPONSORED_INMAILS", -250, 100),
)
LEADS = 30


class LinkedIn(Advertiser):
    """standins.StandIn."""

    accounts, campaigns, whole, cent = ACCOUNTS, CAMPAIGNS, True, 10_000

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.tokens, self.most, self.versions = 0, 15_000, {"202608"}

    def answer(self, asked: Asked) -> Answer:
        return (*self._answer(asked), {})

    def refusal(self, rule: Mapping[str, Any]) -> Answer | None:
        told = {"429": (429, "TOO_MANY_REQUESTS"), "401": (401, "EXPIRED_ACCESS_TOKEN"), "500": (500, "INTERNAL"),
                "403_scope": (403, "ACCESS_DENIED"), "503": (503, "UNAVAILABLE")}.get(rule["kind"])  # fmt: skip
        return (told[0], error(*told), {}) if told else None

    def _answer(self, asked: Asked) -> tuple[int, Any]:
        if asked.path == "/oauth/v2/accessToken":
            if any(asked.body.get(name.lower()) != value for name, value in CREDENTIALS.items()):
                return 400, {"error": "invalid_request"}
            self.tokens += 1
            return 200, {"access_token": f"{TOKEN}-{self.tokens}", "expires_in": 5_184_000}
        if asked.headers.get("authorization") != f"Bearer {TOKEN}-{self.tokens}":
            return 401, error(401, "EXPIRED_ACCESS_TOKEN")
        if asked.headers.get("linkedin-version") not in self.versions:
            return 426, error(426, "NONEXISTENT_VERSION")
        if asked.headers.get("x-restli-protocol-version") != "2.0.0":
            return 400, error(400, "ILLEGAL_ARGUMENT")
        return self._data(asked)

    def _data(self, asked: Asked) -> tuple[int, Any]:
        if asked.path == "/adAccounts":
            rows = [{"id": int(id), "name": t[2], "currency": t[0], "status": "ACTIVE"} for id, t in ACCOUNTS.items()]
            at = int(asked.first("pageToken", "0"))  # one a page
            more = {"nextPageToken": str(at + 1)} if at + 1 < len(rows) else {}
            return 200, {"elements": rows[at : at + 1], "metadata": more}
        if match := re.fullmatch(r"/adAccounts/(\d+)/adCampaigns", asked.path):
            rows = [
                {"id": int(c.id), "name": c.name, "status": "REMOVED" if gone else "ACTIVE", "type": c.kind,
                 "account": f"urn:li:sponsoredAccount:{match[1]}"}
                for c, gone in self.listed(match[1])
            ]  # fmt: skip
            return 200, {"elements": rows, "metadata": {}}
        owner = re.search(r"sponsoredAccount:(\d+)", asked.first("accounts") + asked.first("owner"))
        if asked.path == "/adAnalytics" and owner:
            numbers = [int(n) for n in re.findall(r":(\d+)", asked.first("dateRange"))]
            rows = list(self._analytics(owner[1], date(*numbers[:3]), date(*numbers[3:])))
            return 200, {"elements": rows[: self.most], "paging": {"start": 0, "count": 10, "links": []}}
        if asked.path == "/leadFormResponses" and owner:
            start, end = (int(n) for n in re.findall(r":(\d+)", asked.first("submittedAtTimeRange")))
            rows = [lead for lead in self.leads(owner[1]) if start <= lead["submittedAt"] < end]
            at, count = int(asked.first("start")), int(asked.first("count"))
            return 200, {"elements": rows[at : at + count], "paging": {"start": at, "count": count}}
        return 404, error(404, "RESOURCE_NOT_FOUND")

    def _analytics(self, account: str, first: date, last: date) -> Iterator[dict[str, Any]]:
        for campaign, day, found in self.rows(account, first, last):
            at = {"year": day.year, "month": day.month, "day": day.day}
            urn = f"urn:li:sponsoredCampaign:{campaign.id}"
            yield {"dateRange": {"start": at, "end": at}, "pivotValues": [urn], **_figures(found)}

    def leads(self, account: str) -> Iterator[dict[str, Any]]:
        """Submissions up to now of the first account's form, the newest last."""
        for number in range(LEADS if account == "5070001" else 0):
            at = self.world.start_now + (number - 20) * 3 * 86_400_000
            if at <= self.world.now:
                answers = ["Ann", f"lead{number}@example.com"]
                yield {
                    "id": f"lead-{number}", "submittedAt": at,
                    "versionedLeadGenFormUrn": "urn:li:versionedLeadGenForm:(1,1)",
                    "leadMetadata": {"sponsoredLeadMetadata": {"campaign": "urn:li:sponsoredCampaign:149002"}},
                    "formResponse": {"answers": [
                        {"questionId": n, "answerDetails": {"textQuestionAnswer": {"answer": text}}}
                        for n, text in enumerate(answers)
                    ]},
                }  # fmt: skip


def _figures(found: Figures) -> dict[str, Any]:
    """Costs are texts; conversions are split between the site and the lead form."""
    conversions, cost = int(found.conversions), f"{found.cost_micros / 1_000_000:.2f}"
    return {
        "impressions": found.impressions, "clicks": found.clicks, "costInLocalCurrency": cost, "costInUsd": cost,
        "oneClickLeads": conversions // 2, "externalWebsiteConversions": conversions - conversions // 2,
    }  # fmt: skip


def error(status: int, code: str) -> dict[str, Any]:
    return {"status": status, "serviceErrorCode": 100, "code": code, "message": "refused by the stand-in"}


STAND_IN = LinkedIn

"""Google Ads' stand-in over the generated world: a manager with two accounts, tokens, searchStream.

Campaigns bear the names that the world's people and deals carry in their sources and UTM parameters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from ingestion.sandbox.advertising import Advertiser, Campaign, Figures
from ingestion.sandbox.standins import Answer, Asked
from ingestion.sandbox.world import World

MANAGER, TOKEN = "9990001111", "google-ads-token"
ACCOUNTS = {"1110002222": ("EUR", "Europe/Berlin", "Brand"), "3330004444": ("USD", "America/New_York", "US")}
CREDENTIALS = {
    "DEVELOPER_TOKEN": "google-developer", "CLIENT_ID": "google-client", "CLIENT_SECRET": "google-secret",
    "REFRESH_TOKEN": "google-refresh", "CUSTOMER_ID": MANAGER, "LOGIN_CUSTOMER_ID": MANAGER,
}  # fmt: skip


CAMPAIGNS = (
    Campaign("1110002222", "501", "brand-search", "SEARCH", -700, 400),
    Campaign("1110002222", "502", "spring", "SEARCH", -480, -390, removed=True),
    Campaign("1110002222", "503", "spring", "SEARCH", -115, -20),
    Campaign("1110002222", "504", "осень", "PERFORMANCE_MAX", -300, -210),
    Campaign("1110002222", "505", "retargeting", "DISPLAY", -200, 400),
    Campaign("3330004444", "601", "autumn", "SEARCH", -310, 60),
)


class GoogleAds(Advertiser):
    """standins.StandIn: the token endpoint and searchStream."""

    accounts, campaigns = ACCOUNTS, CAMPAIGNS

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.tokens = 0

    def answer(self, asked: Asked) -> Answer:
        return (*self._answer(asked), {})

    def refusal(self, rule: Mapping[str, Any]) -> Answer | None:
        told = {"429": (429, "RESOURCE_EXHAUSTED"), "401": (401, "UNAUTHENTICATED"), "500": (500, "INTERNAL"),
                "403_scope": (403, "PERMISSION_DENIED"), "503": (503, "UNAVAILABLE")}.get(rule["kind"])  # fmt: skip
        return (told[0], [_error(*told)], {}) if told else None

    def _answer(self, asked: Asked) -> tuple[int, Any]:
        if asked.path == "/token":
            return self._token(asked.body)
        token, developer = asked.headers.get("authorization"), asked.headers.get("developer-token")
        if token != f"Bearer {TOKEN}-{self.tokens}" or developer != CREDENTIALS["DEVELOPER_TOKEN"]:
            return 401, _error(401, "UNAUTHENTICATED")
        match = re.fullmatch(r"/customers/(\d+)/googleAds:searchStream", asked.path)
        if asked.method != "POST" or not match:
            return 404, _error(404, "NOT_FOUND")
        if match[1] not in (MANAGER, *ACCOUNTS):
            return 403, [_error(403, "PERMISSION_DENIED")]
        return self._search(match[1], str((asked.body or {}).get("query", "")))

    def _token(self, form: Any) -> tuple[int, Any]:
        given = {name: form.get(name.lower()) for name in ("REFRESH_TOKEN", "CLIENT_ID", "CLIENT_SECRET")}
        if any(value != CREDENTIALS[name] for name, value in given.items()):
            return 400, {"error": "invalid_grant"}
        self.tokens += 1
        return 200, {"access_token": f"{TOKEN}-{self.tokens}", "expires_in": 3599, "token_type": "Bearer"}

    def _search(self, customer: str, query: str) -> tuple[int, Any]:
        subject = re.search(r"\bFROM (\w+)", query)
        if subject and subject[1] == "customer_client":
            rows = list(_clients(customer))
        elif subject and subject[1] == "campaign" and customer != MANAGER:
            span = re.search(r"segments\.date BETWEEN '([\d-]+)' AND '([\d-]+)'", query)
            rows = list(self._days(customer, *map(date.fromisoformat, span.groups())) if span else self._list(customer))
        else:
            return 400, [_error(400, "INVALID_ARGUMENT")]
        return 200, [{"results": rows[at : at + 500], "requestId": "r"} for at in range(0, len(rows), 500)]

    def _list(self, customer: str) -> Iterator[dict[str, Any]]:
        for campaign, gone in self.listed(customer):
            named = {"id": campaign.id, "name": campaign.name, "advertisingChannelType": campaign.kind}
            yield {"customer": {"id": customer}, "campaign": {**named, "status": "REMOVED" if gone else "ENABLED"}}

    def _days(self, customer: str, first: date, last: date) -> Iterator[dict[str, Any]]:
        currency, zone, _ = ACCOUNTS[customer]
        for campaign, day, found in self.rows(customer, first, last):
            yield {
                "customer": {"id": customer, "currencyCode": currency, "timeZone": zone},
                "campaign": {"id": campaign.id},
                "segments": {"date": day.isoformat()},
                "metrics": _metrics(found),
            }


def _metrics(found: Figures) -> dict[str, Any]:
    """Whole numbers as texts, and nothing of what is 0."""
    given: dict[str, Any] = {
        "impressions": str(found.impressions), "clicks": str(found.clicks), "costMicros": str(found.cost_micros),
        "conversions": found.conversions,
    }  # fmt: skip
    return {name: value for name, value in given.items() if value not in ("0", 0)}


def _clients(customer: str) -> Iterator[dict[str, Any]]:
    if customer == MANAGER:
        yield {"customerClient": {"id": MANAGER, "manager": True, "status": "ENABLED", "descriptiveName": "All"}}
    for id, (currency, zone, name) in ACCOUNTS.items():
        if customer in (MANAGER, id):
            told = {"id": id, "status": "ENABLED", "currencyCode": currency, "timeZone": zone, "descriptiveName": name}
            yield {"customerClient": told}


def _error(code: int, status: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": "refused by the stand-in", "status": status}}


STAND_IN = GoogleAds

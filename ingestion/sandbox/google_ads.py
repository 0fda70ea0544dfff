"""Google Ads' stand-in over the generated world: a manager with two accounts, tokens, searchStream.

Campaigns bear the names that the world's people and deals carry in their sources and UTM parameters. Figures are made
from the campaign and the day alone, so that a test can say what must come out (`figures`): conversions come in over ten
days, invalid clicks are credited after five, and one day in ten is credited whole, so that its row vanishes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from ingestion.sandbox.standins import Answer, Asked
from ingestion.sandbox.world import World

MANAGER, TOKEN = "9990001111", "google-ads-token"
ACCOUNTS = {"1110002222": ("EUR", "Europe/Berlin", "Brand"), "3330004444": ("USD", "America/New_York", "US")}
CREDENTIALS = {
    "DEVELOPER_TOKEN": "google-developer", "CLIENT_ID": "google-client", "CLIENT_SECRET": "google-secret",
    "REFRESH_TOKEN": "google-refresh", "CUSTOMER_ID": MANAGER, "LOGIN_CUSTOMER_ID": MANAGER,
}  # fmt: skip


@dataclass(frozen=True)
class Campaign:
    """A campaign that runs from `first` to `last` days after the world's start `now` (negative: before)."""

    account: str
    id: str
    name: str
    kind: str
    first: int
    last: int
    removed: bool = False


CAMPAIGNS = (
    Campaign("1110002222", "501", "brand-search", "SEARCH", -700, 400),
    Campaign("1110002222", "502", "spring", "SEARCH", -480, -390, removed=True),
    Campaign("1110002222", "503", "spring", "SEARCH", -115, -20),
    Campaign("1110002222", "504", "осень", "PERFORMANCE_MAX", -300, -210),
    Campaign("1110002222", "505", "retargeting", "DISPLAY", -200, 400),
    Campaign("3330004444", "601", "autumn", "SEARCH", -310, 60),
)


@dataclass(frozen=True)
class Figures:
    """What one campaign's day comes to, as of an instant. Cost in millionths of the account's currency."""

    impressions: int
    clicks: int
    cost_micros: int
    conversions: float


def figures(seed: int, campaign: Campaign, day: date, today: date, start: date) -> Figures | None:
    """None where the day has no row: it did not run, lies ahead, or was credited whole."""
    if not start + timedelta(campaign.first) <= day <= min(start + timedelta(campaign.last), today):
        return None
    random = Random(f"{seed} {campaign.id} {day.isoformat()}")
    age = (today - day).days
    if random.random() < 0.1 and age >= 5:
        return None
    impressions = random.randrange(200, 4_000)
    clicks = max(1, int(impressions * random.uniform(0.01, 0.06)))
    cost = clicks * random.randrange(400_000, 2_600_000)
    if random.random() < 0.08 and age >= 5:
        cost = cost * 9 // 10
    conversions = round(clicks * random.uniform(0, 0.1) * min(1.0, (age + 1) / 10), 2)
    return Figures(impressions, clicks, cost, conversions)


class GoogleAds:
    """standins.StandIn: the token endpoint and searchStream."""

    def __init__(self, world: World) -> None:
        self.world, self.seed = world, world.seed
        self.start = datetime.fromtimestamp(world.start_now / 1_000, UTC).date()
        self.tokens = 0

    @property
    def today(self) -> date:
        return datetime.fromtimestamp(self.world.now / 1_000, UTC).date()

    def answer(self, asked: Asked) -> Answer:
        return (*self._answer(asked), {})

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
        for campaign in CAMPAIGNS:
            if campaign.account == customer and self.start + timedelta(campaign.first) <= self.today:
                gone = campaign.removed and self.start + timedelta(campaign.last) < self.today
                named = {"id": campaign.id, "name": campaign.name, "advertisingChannelType": campaign.kind}
                yield {"customer": {"id": customer}, "campaign": {**named, "status": "REMOVED" if gone else "ENABLED"}}

    def _days(self, customer: str, first: date, last: date) -> Iterator[dict[str, Any]]:
        currency, zone, _ = ACCOUNTS[customer]
        for campaign in CAMPAIGNS:
            for day in days(first, min(last, self.today)) if campaign.account == customer else ():
                if found := figures(self.seed, campaign, day, self.today, self.start):
                    yield {
                        "customer": {"id": customer, "currencyCode": currency, "timeZone": zone},
                        "campaign": {"id": campaign.id},
                        "segments": {"date": day.isoformat()},
                        "metrics": _metrics(found),
                    }

    def spend(self) -> dict[tuple[str, str], int]:
        """The truth as of now: {(month "YYYY-MM", currency): cost in millionths}."""
        total: dict[tuple[str, str], int] = {}
        first = self.start - timedelta(days=800)
        for campaign in CAMPAIGNS:
            for day in days(first, self.today):
                if found := figures(self.seed, campaign, day, self.today, self.start):
                    key = (day.isoformat()[:7], ACCOUNTS[campaign.account][0])
                    total[key] = total.get(key, 0) + found.cost_micros
        return total


def days(first: date, last: date) -> Iterator[date]:
    """Every day from the first to the last."""
    for number in range((last - first).days + 1):
        yield first + timedelta(number)


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

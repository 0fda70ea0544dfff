"""Google Ads: figures a campaign and day, campaigns. REST v26, searchStream.

Facts: developers.google.com/google-ads/api (rest/common/search, best-practices/quotas, sunset-dates). A row whose
figures are all zero is not listed; a figure that is absent is 0; whole numbers are texts; cost is in millionths of the
account's currency; removed campaigns keep their days. A manager account has no figures: its accounts are asked.
UNVERIFIED: that 30 days cover what is restated (90 where the longest conversion window is 90 days).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import requests

from ingestion import campaigns
from ingestion.bearer import Bearer, Words
from ingestion.settings import Connection
from ingestion.stream import Credential, Json

BASE_URL = "https://googleads.googleapis.com/v26"
TOKEN_URL = "https://oauth2.googleapis.com"
RESTATED_DAYS, SLICE_DAYS = 30, 30
FIGURES = (
    "SELECT customer.id, customer.currency_code, customer.time_zone, campaign.id, segments.date, metrics.impressions, "
    "metrics.clicks, metrics.cost_micros, metrics.conversions, metrics.conversions_value FROM campaign "
    "WHERE segments.date BETWEEN '{}' AND '{}'"
)
LISTING = (
    "SELECT customer.id, campaign.id, campaign.name, campaign.status, campaign.advertising_channel_type FROM campaign"
)
ACCOUNTS = (
    "SELECT customer_client.id, customer_client.manager, customer_client.status, customer_client.currency_code, "
    "customer_client.time_zone, customer_client.descriptive_name FROM customer_client"
)


WORDS = Words(
    title="Google",
    credentials="Check GOOGLE_ADS_DEVELOPER_TOKEN, _CLIENT_ID, _CLIENT_SECRET and _REFRESH_TOKEN; a refresh token ends "
    "after six months without use, and after seven days for an app in testing.",
    permission="Give the user read access to the account, set GOOGLE_ADS_LOGIN_CUSTOMER_ID where a manager leads to "
    "it, and see that the developer token is approved.",
    scope="adwords",
    spent="Come back after midnight Pacific time, or apply for more.",
    allowance="the developer token's number of operations a day",
)


class GoogleDialect(Bearer):
    """No rate a second is published; the day's operations are."""

    def wait_asked(self, response: requests.Response) -> float | None:
        """Of a 429: quotaErrorDetails.retryDelay ("30s"); without it the day's operations are used up."""
        if response.status_code != 429:
            return None
        return float(match[1]) if (match := re.search(r'"retryDelay"\s*:\s*"(\d+)', response.text)) else float("inf")


class Api(campaigns.Api):
    """One connection's requests."""

    def __init__(self, connection: Connection) -> None:
        self.dialect = GoogleDialect(WORDS, login=self.refreshing(WORDS, BASE_URL, TOKEN_URL, "/token"))
        super().__init__(connection, self.dialect)
        self._accounts: list[Json] | None = None
        manager = re.sub(r"\D", "", self.secret("LOGIN_CUSTOMER_ID"))
        self.dialect.extra = {"developer-token": self.secret("DEVELOPER_TOKEN")} | (
            {"login-customer-id": manager} if manager else {}
        )

    def rows(self, stream: str, customer: str, query: str) -> Iterator[Json]:
        """Rows of a query. An error may follow good batches: then nothing of the answer counts."""
        batches = self.client.post(
            stream, f"/customers/{customer}/googleAds:searchStream", {"query": query}, check=_whole
        )
        for batch in batches:
            yield from batch.get("results") or []

    def accounts(self, stream: str) -> list[Json]:
        """Accounts with figures: the one that is named, or those under it where it is a manager; asked once."""
        if self._accounts is None:
            customer = re.sub(r"\D", "", self.secret("CUSTOMER_ID"))
            found = [row["customerClient"] for row in self.rows(stream, customer, ACCOUNTS)]
            self._accounts = [c for c in found if not c.get("manager") and c.get("status") in (None, "ENABLED")]
        return self._accounts

    def named(self) -> Iterator[tuple[str, str]]:
        for told in self.accounts(campaigns.CAMPAIGNS):
            yield (
                str(told.get("id")),
                f"{told.get('descriptiveName')}, {told.get('currencyCode')}, {told.get('timeZone')}",
            )

    def parts(self) -> dict[str, campaigns.Part]:
        return {
            campaigns.CAMPAIGNS: campaigns.Whole(self.campaigns),
            campaigns.DAYS: campaigns.Daily(self.days, RESTATED_DAYS, SLICE_DAYS),
        }

    def days(self, first: date, last: date) -> Iterator[Json]:
        """Records of campaign_days. Errors: CorruptResponse that names the row."""
        for account in self.accounts(campaigns.DAYS):
            query = FIGURES.format(first.isoformat(), last.isoformat())
            for row in self.rows(campaigns.DAYS, str(account["id"]), query):
                yield day_record(row, self.source)

    def campaigns(self) -> Iterator[Json]:
        for account in self.accounts(campaigns.CAMPAIGNS):
            for row in self.rows(campaigns.CAMPAIGNS, str(account["id"]), LISTING):
                yield {"id": f"{row['customer']['id']}/{row['campaign']['id']}", **row}


def day_record(row: Json, source: str) -> Json:
    """A row of figures as it is landed."""
    return campaigns.day_record(
        row, source, lambda r: f"{r['customer']['id']}/{r['campaign']['id']}", lambda r: str(r["segments"]["date"])
    )


def _whole(answer: Any) -> str | None:
    """What is wrong with a parsed answer: an error inside a 200 comes as the array's last element."""
    if not isinstance(answer, list):
        return "an answer that is no list of batches"
    broken = next((part["error"] for part in answer if isinstance(part, dict) and "error" in part), None)
    return f"an error in mid-stream ({broken.get('status', 'no status')})" if broken else None


VENDOR = campaigns.vendor(
    name="google_ads",
    title="Google Ads",
    base_url=BASE_URL,
    credentials=(
        Credential("DEVELOPER_TOKEN", "Token of a manager account's API Center"),
        Credential("CLIENT_ID", "OAuth client", secret=False),
        Credential("CLIENT_SECRET", "OAuth client's secret"),
        Credential("REFRESH_TOKEN", "Refresh token of a user who may read the account, scope adwords"),
        Credential("CUSTOMER_ID", "Account, or manager account of all accounts wanted", secret=False),
        Credential("LOGIN_CUSTOMER_ID", "Manager account through which it is reached", secret=False, optional=True),
    ),
    streams=campaigns.streams("Google Ads"),
    api=Api,
)

"""Google Ads: figures a campaign and day, campaigns. REST v26, searchStream.

Facts: developers.google.com/google-ads/api (rest/common/search, best-practices/quotas, sunset-dates). A row whose
figures are all zero is not listed; a figure that is absent is 0; whole numbers are texts; cost is in millionths of the
account's currency; removed campaigns keep their days. A manager account has no figures: its accounts are asked.
UNVERIFIED: that 30 days cover what is restated (90 where the longest conversion window is 90 days).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import requests

from ingestion import campaigns
from ingestion.client import Client
from ingestion.errors import AuthError, CorruptResponse, MissingScope, RateLimited, SourceError
from ingestion.settings import Connection, Secret
from ingestion.stream import CheckResult, Credential, Json, Pull, StreamReport, Vendor

BASE_URL = "https://googleads.googleapis.com/v26"
TOKEN_URL = "https://oauth2.googleapis.com"
RESTATED_DAYS, SLICE_DAYS = 30, 30
CREDENTIALS = (
    "Check GOOGLE_ADS_DEVELOPER_TOKEN, _CLIENT_ID, _CLIENT_SECRET and _REFRESH_TOKEN; a refresh token ends after six "
    "months without use, and after seven days for an app in testing."
)
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


@dataclass
class GoogleDialect:
    """client.Renewing of Google Ads: tokens live an hour, the refresh token is used again and again."""

    api: Api
    rates: Mapping[str, tuple[int, float]] = field(default_factory=lambda: {"operations": (10, 1.0)})
    """No rate a second is published; the day's operations are."""
    token: Secret | None = None
    _renewing: threading.Lock = field(default_factory=threading.Lock)

    def headers(self) -> Mapping[str, str]:
        given = {"developer-token": self.api.secret("DEVELOPER_TOKEN")}
        if manager := self.api.secret("LOGIN_CUSTOMER_ID"):
            given["login-customer-id"] = re.sub(r"\D", "", manager)
        return given | ({"Authorization": f"Bearer {self.token.reveal()}"} if self.token else {})

    def pace(self, method: str, path: str) -> str:
        return "operations"

    def announced(self, headers: Mapping[str, str]) -> tuple[str, int, float] | None:
        return None

    def wait_asked(self, response: requests.Response) -> float | None:
        """Of a 429: quotaErrorDetails.retryDelay ("30s"); without it the day's operations are used up."""
        if response.status_code != 429:
            return None
        return float(match[1]) if (match := re.search(r'"retryDelay"\s*:\s*"(\d+)', response.text)) else float("inf")

    def renew(self, response: requests.Response) -> bool:
        if response.status_code != 401:
            return False
        with self._renewing:
            if response.request.headers.get("Authorization") == self.headers().get("Authorization"):
                self.token = self.api.login()
        return True

    def refusal(self, response: requests.Response, source: str, stream: str, url: str) -> SourceError:
        status, known = _status(response), {"source": source, "stream": stream, "url": url}
        if response.status_code == 429:
            return RateLimited(
                message="the day's operations of the developer token are used up",
                guidance="What was complete is landed. Come back after midnight Pacific time, or apply for more.",
                **known,
            )  # fmt: skip
        if response.status_code == 401:
            return AuthError(
                message=f"Google refused the credentials ({status})",
                guidance=CREDENTIALS, **known,
            )  # fmt: skip
        if response.status_code == 403:
            return MissingScope(
                message=f"the account may not be read ({status})", scope="adwords",
                guidance="Give the user read access to the account, set GOOGLE_ADS_LOGIN_CUSTOMER_ID where a manager "
                "leads to it, and see that the developer token is approved.", **known,
            )  # fmt: skip
        return SourceError(message=f"Google Ads answered HTTP {response.status_code} ({status})", **known)


class Api:
    """One connection's requests."""

    def __init__(self, connection: Connection) -> None:
        self.connection, self.source = connection, connection.name
        self._accounts: list[Json] | None = None
        self.dialect = GoogleDialect(self)
        self.client = Client(connection.name, connection.base_url, self.dialect)

    def secret(self, name: str) -> str:
        found = self.connection.credentials.get(name)
        return found.reveal() if found else ""

    def login(self) -> Secret:
        """An access token. Errors: AuthError where the refresh token is not good any more."""
        # Tokens have a host of their own; a stand-in has both under one address.
        base = TOKEN_URL if self.connection.base_url == BASE_URL else self.connection.base_url
        form = {
            "grant_type": "refresh_token", "refresh_token": self.secret("REFRESH_TOKEN"),
            "client_id": self.secret("CLIENT_ID"), "client_secret": self.secret("CLIENT_SECRET"),
        }  # fmt: skip
        with Client(self.source, base, _TokenDialect()) as client:
            answer = client.call(
                campaigns.CAMPAIGNS, "POST", "/token", form=form,
                check=lambda told: None if told.get("access_token") else "an answer without access_token",
            )  # fmt: skip
        return Secret(str(answer["access_token"]))

    def rows(self, stream: str, customer: str, query: str) -> Iterator[Json]:
        """Rows of a query. An error may follow good batches: then nothing of the answer counts."""
        if self.dialect.token is None:
            self.dialect.token = self.login()
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


class _TokenDialect:
    """client.Dialect of the token endpoint: no credential of ours goes in its headers."""

    rates: Mapping[str, tuple[int, float]] = {"tokens": (5, 1.0)}

    def headers(self) -> Mapping[str, str]:
        return {}

    def pace(self, method: str, path: str) -> str:
        return "tokens"

    def announced(self, headers: Mapping[str, str]) -> tuple[str, int, float] | None:
        return None

    def wait_asked(self, response: requests.Response) -> float | None:
        return None

    def refusal(self, response: requests.Response, source: str, stream: str, url: str) -> SourceError:
        return AuthError(
            source, stream, f"Google gave no token (HTTP {response.status_code})", url=url,
            guidance=CREDENTIALS,
        )  # fmt: skip


def day_record(row: Json, source: str) -> Json:
    """A row of figures as it is landed. Errors: CorruptResponse where it does not say what it is about."""
    try:
        campaign = f"{row['customer']['id']}/{row['campaign']['id']}"
        day = date.fromisoformat(row["segments"]["date"]).isoformat()
    except (KeyError, TypeError, ValueError):
        raise CorruptResponse(
            source, campaigns.DAYS, "a row without customer, campaign or date", record=str(row)[:200],
            guidance="Nothing of this window was landed; what is known goes on to be used. Run again later.",
        ) from None  # fmt: skip
    return {"id": f"{campaign}:{day}", "campaign_id": campaign, "date": day, **row}


def _whole(answer: Any) -> str | None:
    """What is wrong with a parsed answer: an error inside a 200 comes as the array's last element."""
    if not isinstance(answer, list):
        return "an answer that is no list of batches"
    broken = next((part["error"] for part in answer if isinstance(part, dict) and "error" in part), None)
    return f"an error in mid-stream ({broken.get('status', 'no status')})" if broken else None


def _status(response: requests.Response) -> str:
    """The error's status word; never its text."""
    match = re.search(r'"status"\s*:\s*"([A-Z_]{1,60})"', response.text)
    return match[1] if match else f"HTTP {response.status_code}"


def extract(pull: Pull) -> list[StreamReport]:
    """Campaigns, then the days of the last weeks (all of them where there are none yet)."""
    api = Api(pull.connection)
    with api.client:
        account = campaigns.Account(api.client, RESTATED_DAYS, SLICE_DAYS, api.days, api.campaigns)
        return campaigns.extract(pull, VENDOR, account)


def check(connection: Connection, asked: Mapping[str, bool]) -> list[CheckResult]:
    """A line an account: its name, currency and time zone."""
    api = Api(connection)
    with api.client:
        try:
            return [
                CheckResult(
                    connection.name, f"account {found.get('id')}", True,
                    f"{found.get('descriptiveName')}, {found.get('currencyCode')}, {found.get('timeZone')}",
                )
                for found in api.accounts(campaigns.CAMPAIGNS)
            ]  # fmt: skip
        except SourceError as error:
            return [CheckResult(connection.name, "accounts", False, f"{error.message}. {error.guidance}", error.scope)]


VENDOR = Vendor(
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
    read_state=campaigns.read_state,
    extract=extract,
    check=check,
    gives_ads=True,
)

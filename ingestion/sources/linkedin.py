"""LinkedIn: figures a campaign and day (adAnalytics), campaigns, lead forms. Version 202608 of the API.

Facts: learn.microsoft.com/linkedin/marketing (versioning, ads-reporting). adAnalytics has no pages and cuts off what is
beyond 15,000 elements without a word; no access and no activity look alike; costs are texts in the account's currency;
Rest.li's brackets go into the address as they are. A version ends after a year: then the status is 426.
UNVERIFIED: everything of lead forms; that days are UTC's; how far back days reach; that 30 days cover what is restated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import requests

from ingestion import campaigns
from ingestion.bearer import Bearer, Words
from ingestion.errors import SourceError
from ingestion.settings import Connection
from ingestion.stream import Credential, Json

BASE_URL, TOKEN_URL = "https://api.linkedin.com/rest", "https://www.linkedin.com"
VERSION, MOST = "202608", 15_000
RESTATED_DAYS, SLICE_DAYS, LEAD_DAYS, LEAD_PAGE = 30, 30, 90, 100
THROTTLED_SECONDS, THROTTLES = 10.0, 5
FIELDS = (
    "dateRange,pivotValues,impressions,clicks,costInLocalCurrency,costInUsd,oneClickLeads,externalWebsiteConversions"
)
WORDS = Words(
    title="LinkedIn",
    credentials="Check LINKEDIN_CLIENT_ID, _CLIENT_SECRET and _REFRESH_TOKEN; a refresh token ends after a year and "
    "must be consented to again.",
    permission="Give the user a role in the ad account (viewer is enough) and the app the scopes r_ads and "
    "r_ads_reporting; lead forms need r_marketing_leadgen_automation.",
    scope="r_ads_reporting",
    spent="Come back after midnight UTC.",
    allowance="the day's number of requests",
)


class LinkedInDialect(Bearer):
    """A 429 does not tell a burst from the day's end: after so many in a run it is the latter."""

    throttled = 0

    def wait_asked(self, response: requests.Response) -> float | None:
        if response.status_code != 429:
            return None
        self.throttled += 1
        return THROTTLED_SECONDS if self.throttled <= THROTTLES else float("inf")

    def refusal(self, response: requests.Response, source: str, stream: str, url: str) -> SourceError:
        if response.status_code == 426:
            return SourceError(
                source, stream, f"LinkedIn serves version {VERSION} no longer", "Install a newer funnel.", url=url
            )
        return super().refusal(response, source, stream, url)


class Api(campaigns.Api):
    """One connection's requests."""

    def __init__(self, connection: Connection) -> None:
        versions = {"LinkedIn-Version": VERSION, "X-Restli-Protocol-Version": "2.0.0"}
        super().__init__(
            connection,
            LinkedInDialect(
                WORDS, login=self.refreshing(WORDS, BASE_URL, TOKEN_URL, "/oauth/v2/accessToken"), extra=versions
            ),
        )
        self._accounts: list[Json] | None = None

    def parts(self) -> dict[str, campaigns.Part]:
        return {
            campaigns.CAMPAIGNS: campaigns.Whole(self.campaigns),
            campaigns.DAYS: campaigns.Daily(self.days, RESTATED_DAYS, SLICE_DAYS),
            campaigns.TOUCHES: campaigns.Changing(self.leads, reread_days=2),
        }

    def searched(self, stream: str, path: str) -> Iterator[Json]:
        """Records of a search."""

        def ask(token: str) -> Json:
            found: Json = self.client.get(
                stream, f"{path}?q=search&pageSize=500{f'&pageToken={token}' if token else ''}"
            )
            return found

        return self.pages_of(
            stream, "elements", ask, lambda page: str((page.get("metadata") or {}).get("nextPageToken") or "")
        )

    def accounts(self, stream: str) -> list[Json]:
        """The accounts that are named, or all that the user may read; asked once."""
        if self._accounts is None:
            wanted = {id.strip() for id in self.secret("ACCOUNT_IDS").split(",") if id.strip()}
            found = [told for told in self.searched(stream, "/adAccounts") if not wanted or str(told["id"]) in wanted]
            if missing := wanted - {str(told["id"]) for told in found}:
                raise SourceError(
                    self.source, stream, f"no access to ad account {', '.join(sorted(missing))}", WORDS.permission,
                    WORDS.scope,
                )  # fmt: skip
            self._accounts = found
        return self._accounts

    def named(self) -> Iterator[tuple[str, str]]:
        for told in self.accounts(campaigns.CAMPAIGNS):
            yield str(told["id"]), f"{told.get('name')}, {told.get('currency')}, UTC"

    def campaigns(self) -> Iterator[Json]:
        for account in self.accounts(campaigns.CAMPAIGNS):
            for campaign in self.searched(campaigns.CAMPAIGNS, f"/adAccounts/{account['id']}/adCampaigns"):
                yield {**campaign, "id": str(campaign["id"])}

    def days(self, first: date, last: date) -> Iterator[Json]:
        for account in self.accounts(campaigns.DAYS):
            for row in self.analytics(str(account["id"]), first, last):
                yield day_record({**row, "currency": account.get("currency")}, self.source)

    def analytics(self, account: str, first: date, last: date) -> Iterator[Json]:
        """Elements of these days. As many as fit into an answer may be more: then by halves."""
        answer = self.client.get(campaigns.DAYS, analytics_path(account, first, last))
        elements = answer.get("elements") or []
        if len(elements) < MOST:
            yield from elements
            return
        if first == last:
            raise SourceError(self.source, campaigns.DAYS, f"{first} has more campaigns than LinkedIn answers with")
        middle = first + (last - first) // 2
        yield from self.analytics(account, first, middle)
        yield from self.analytics(account, middle + timedelta(days=1), last)

    def leads(self, since: datetime | None) -> Iterator[Json]:
        """Submissions of the lead forms of all accounts."""
        now = datetime.now(UTC)
        oldest = now - timedelta(days=LEAD_DAYS)
        span = f"(start:{_ms(max(since or oldest, oldest))},end:{_ms(now + timedelta(days=1))})"
        for account in self.accounts(campaigns.TOUCHES):
            owner = f"(sponsoredAccount:urn%3Ali%3AsponsoredAccount%3A{account['id']})"
            asked = (
                f"/leadFormResponses?q=owner&owner={owner}&leadType=(leadType:SPONSORED)&submittedAtTimeRange={span}"
            )
            start = 0
            while True:
                page = self.client.get(campaigns.TOUCHES, f"{asked}&count={LEAD_PAGE}&start={start}")
                found = page.get("elements") or []
                yield from (lead_record(lead) for lead in found)
                if len(found) < LEAD_PAGE:
                    break
                start += LEAD_PAGE


def analytics_path(account: str, first: date, last: date) -> str:
    """Path and query of adAnalytics in Rest.li's own spelling, which no library's encoding may touch."""
    ends = ",".join(f"{n}:(year:{d.year},month:{d.month},day:{d.day})" for n, d in (("start", first), ("end", last)))
    accounts = f"List(urn%3Ali%3AsponsoredAccount%3A{account})"
    return (
        "/adAnalytics?q=analytics&pivot=(value:CAMPAIGN)&timeGranularity=(value:DAILY)"
        f"&dateRange=({ends})&accounts={accounts}&fields={FIELDS}"
    )


def day_record(row: Json, source: str) -> Json:
    """A row as it is landed."""

    def day(told: Json) -> str:
        start: Mapping[str, int] = told["dateRange"]["start"]
        return date(start["year"], start["month"], start["day"]).isoformat()

    return campaigns.day_record(row, source, lambda r: _bare(r["pivotValues"][0]), day)


def lead_record(lead: Json) -> Json:
    """A submission as it is landed: of the answers the e-mail alone, which becomes a hash."""
    answers = ((lead.get("formResponse") or {}).get("answers")) or []
    texts = [((a.get("answerDetails") or {}).get("textQuestionAnswer") or {}).get("answer") or "" for a in answers]
    email = next((text for text in texts if re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", text)), None)
    about: Any = (lead.get("leadMetadata") or {}).get("sponsoredLeadMetadata") or {}
    return {
        "id": str(lead["id"]), "at": datetime.fromtimestamp(lead["submittedAt"] / 1_000, UTC).isoformat(),
        "campaign_id": _bare(about["campaign"]) if about.get("campaign") else None, "email": email,
        "form": lead.get("versionedLeadGenFormUrn"),
    }  # fmt: skip


def _bare(urn: str) -> str:
    return str(urn).rsplit(":", 1)[-1]


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1_000)


VENDOR = campaigns.vendor(
    name="linkedin",
    title="LinkedIn",
    base_url=BASE_URL,
    credentials=(
        Credential("CLIENT_ID", "Client id of the app", secret=False),
        Credential("CLIENT_SECRET", "Client secret of the app"),
        Credential("REFRESH_TOKEN", "Refresh token with the scopes r_ads and r_ads_reporting"),
        Credential("ACCOUNT_IDS", "Ad accounts, with commas; all that may be read", secret=False, optional=True),
    ),
    streams=(*campaigns.streams("LinkedIn"), campaigns.lead_forms("LinkedIn", "r_marketing_leadgen_automation")),
    api=Api,
)

"""Mailchimp: reports of sent e-mails: sends, opens, clicks, unsubscribes, orders. Marketing API 3.0.

Facts: mailchimp.com/developer/marketing/docs/fundamentals. The data centre is the end of the key; ten connections at
once; a 403 that is no JSON is a throttle; counters grow for weeks, without a daily series, and nothing costs anything.
UNVERIFIED: that counters are at rest after 180 days; that a report's id is its campaign's for good.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import requests

from ingestion import campaigns
from ingestion.bearer import Bearer, Kind, Words
from ingestion.settings import Connection, Secret
from ingestion.stream import Credential, Json, Stream

BASE_URL = "https://{dc}.api.mailchimp.com/3.0"
REREAD_DAYS, PAGE = 180, 1_000
THROTTLED_SECONDS, THROTTLES = 10.0, 6
WORDS = Words(
    title="Mailchimp",
    credentials="Check MAILCHIMP_API_KEY (Account, Extras, API keys); its end, after the dash, is the data centre.",
    permission="The key's user needs the role Viewer at least.",
    scope="reports",
    spent="Come back in an hour.",
    allowance="what Mailchimp answers at a time",
)


@dataclass
class MailchimpDialect(Bearer):
    """The key goes as a password; throttles do not say how long."""

    throttled: int = 0

    def _authorization(self) -> dict[str, str]:
        key = f"any:{self.token.reveal() if self.token else ''}".encode()
        return {"Authorization": f"Basic {base64.b64encode(key).decode()}"}

    def wait_asked(self, response: requests.Response) -> float | None:
        if response.status_code != 429:
            return None
        self.throttled += 1
        return THROTTLED_SECONDS if self.throttled <= THROTTLES else float("inf")

    def kind(self, response: requests.Response) -> tuple[Kind, str]:
        kind, code = super().kind(response)
        bare = response.status_code == 403 and not response.text.lstrip().startswith("{")
        return ("spent", "HTTP 403 without a reason") if bare else (kind, code)


class Api(campaigns.Api):
    """One connection's requests."""

    def __init__(self, connection: Connection) -> None:
        key = connection.credentials["API_KEY"]
        centre = key.reveal().rpartition("-")[2]
        placed = replace(
            connection, base_url=connection.base_url.replace("{dc}", centre if centre.isalnum() else "us1")
        )
        super().__init__(placed, MailchimpDialect(WORDS, Secret(key.reveal())))

    def parts(self) -> dict[str, campaigns.Part]:
        return {campaigns.EMAILS: campaigns.Changing(self.reports, REREAD_DAYS)}

    def named(self) -> Iterator[tuple[str, str]]:
        told = self.client.get(campaigns.EMAILS, "/", {"fields": "account_id,account_name,account_timezone"})
        yield str(told.get("account_id")), f"{told.get('account_name')}, {told.get('account_timezone')}"

    def reports(self, since: datetime | None) -> Iterator[Json]:
        """Reports of e-mails sent since. Pages shift when one is sent meanwhile: each is given once."""
        asked = {"since_send_time": since.isoformat(timespec="seconds")} if since else {}
        seen: set[str] = set()
        offset = 0
        while True:
            page: Mapping[str, list[Json]] = self.client.get(
                campaigns.EMAILS, "/reports", {"count": PAGE, "offset": offset, **asked}
            )
            for report in page.get("reports") or []:
                if report["id"] not in seen:
                    seen.add(report["id"])
                    yield report_record(report)
            offset += PAGE
            if len(page.get("reports") or []) < PAGE:
                return


def report_record(report: Json) -> Json:
    """A report as it is landed: without links and the texts of people."""
    kept = {name: value for name, value in report.items() if name not in ("_links", "timeseries", "share_report")}
    at = datetime.fromisoformat(str(report["send_time"])).astimezone(UTC)
    return {**kept, "at": at.isoformat()}


VENDOR = campaigns.vendor(
    name="mailchimp",
    title="Mailchimp",
    base_url=BASE_URL,
    credentials=(Credential("API_KEY", "API key with its data centre, such as …-us21"),),
    streams=(Stream(campaigns.EMAILS, "Mailchimp: reports of sent e-mails; a version when a counter moved"),),
    api=Api,
    gives=frozenset({campaigns.EMAILS, campaigns.CAMPAIGNS}),
)

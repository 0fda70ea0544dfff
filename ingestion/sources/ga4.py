"""Google Analytics 4: sessions, key events, revenue and advertising cost by source, medium, campaign and day. v1beta.

Facts: developers.google.com/analytics/devguides/reporting/data/v1. Every value is a text; without data `rows` and
`rowCount` are absent; days are the property's. What Google hid, sampled, cut or rolled up is in `metadata` and kept
with every row (`flags`): such figures are true only as far as they go. Today is always partial.
UNVERIFIED: that credit of key events moves for twelve days at most.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import requests

from ingestion import campaigns
from ingestion.bearer import Bearer, Words
from ingestion.errors import RateLimited, SourceError
from ingestion.settings import Connection
from ingestion.stream import Credential, Json, Stream

BASE_URL, TOKEN_URL = "https://analyticsdata.googleapis.com/v1beta", "https://oauth2.googleapis.com"
RESTATED_DAYS, SLICE_DAYS, PAGE = 14, 7, 100_000
CONCURRENT_SECONDS = 5.0
DIMENSIONS = ("date", "sessionSource", "sessionMedium", "sessionCampaignId", "sessionCampaignName")
METRICS = ("sessions", "keyEvents", "totalRevenue")
COSTS = ("advertiserAdCost", "advertiserAdClicks", "advertiserAdImpressions")
"""Only where the property is linked to them and they go with the dimensions."""
FLAGS = (
    "subjectToThresholding", "dataLossFromOtherRow", "samplingMetadatas", "dataTruncationReasons",
    "schemaRestrictionResponse",
)  # fmt: skip
WORDS = Words(
    title="Google",
    credentials="Check GA4_CLIENT_ID, _CLIENT_SECRET and _REFRESH_TOKEN; a refresh token ends after six months without "
    "use, and after seven days for an app in testing.",
    permission="Give the user the role Viewer in the property (Admin, Property access management), and see that "
    "GA4_PROPERTY_ID is the property's number and the Analytics Data API is enabled.",
    scope="analytics.readonly",
    spent="Come back after midnight Pacific time.",
    allowance="the property's quota",
)
HOURLY = replace(WORDS, spent="Come back in an hour.")


class GA4Dialect(Bearer):
    """Quotas by the hour and by the day are waited for outside the run, too many requests at once within it."""

    def wait_asked(self, response: requests.Response) -> float | None:
        if response.status_code != 429:
            return None
        return CONCURRENT_SECONDS if "concurrent" in response.text.lower() else float("inf")

    def refusal(self, response: requests.Response, source: str, stream: str, url: str) -> SourceError:
        self.words = HOURLY if response.status_code == 429 and "hour" in response.text.lower() else WORDS
        return super().refusal(response, source, stream, url)


class Api(campaigns.Api):
    """One connection's requests."""

    def __init__(self, connection: Connection) -> None:
        login = self.refreshing(WORDS, BASE_URL, TOKEN_URL, "/token")
        super().__init__(connection, GA4Dialect(WORDS, login=login))
        self.properties = [id.strip() for id in self.secret("PROPERTY_ID").split(",") if id.strip()]
        self._metrics: dict[str, tuple[str, ...]] = {}
        self._low: str | None = None

    def parts(self) -> dict[str, campaigns.Part]:
        return {campaigns.SESSIONS: campaigns.Daily(self.days, RESTATED_DAYS, SLICE_DAYS)}

    def named(self) -> Iterator[tuple[str, str]]:
        for id in self.properties:
            told = self.report(id, {"dateRanges": [{"startDate": "yesterday", "endDate": "yesterday"}], "limit": "1"})
            about = told.get("metadata") or {}
            yield id, f"{about.get('currencyCode')}, {about.get('timeZone')}"

    def metrics(self, property: str) -> tuple[str, ...]:
        """Those that the property can give by our dimensions; asked once."""
        if property not in self._metrics:
            asked = {"dimensions": _names(DIMENSIONS), "metrics": _names(METRICS + COSTS),
                     "compatibilityFilter": "INCOMPATIBLE"}  # fmt: skip
            told = self.client.post(campaigns.SESSIONS, f"/properties/{property}:checkCompatibility", asked)
            found = told.get("metricCompatibilities") or []
            barred = {(metric.get("metricMetadata") or {}).get("apiName") for metric in found}
            self._metrics[property] = METRICS + (() if barred & set(COSTS) else COSTS)
        return self._metrics[property]

    def report(self, property: str, asked: Json) -> Json:
        """One page. Errors: RateLimited before the quota is used up, for others live on it, too."""
        if self._low:
            raise RateLimited(
                self.source, campaigns.SESSIONS, f"the property's quota is nearly used up ({self._low})",
                f"What was complete is landed. {(HOURLY if 'Hour' in self._low else WORDS).spent}",
            )  # fmt: skip
        body = {"metrics": _names(METRICS[:1]), "returnPropertyQuota": True, **asked}
        told: Json = self.client.post(campaigns.SESSIONS, f"/properties/{property}:runReport", body)
        for name, quota in (told.get("propertyQuota") or {}).items():
            if name.startswith("tokens") and int(quota.get("remaining", 1)) < 2 * int(quota.get("consumed", 0)):
                self._low = name
        return told

    def days(self, first: date, last: date) -> Iterator[Json]:
        for property in self.properties:
            asked = {
                "dateRanges": [{"startDate": first.isoformat(), "endDate": last.isoformat()}],
                "dimensions": _names(DIMENSIONS), "metrics": _names(self.metrics(property)),
                "orderBys": [{"dimension": {"dimensionName": name}} for name in DIMENSIONS], "limit": str(PAGE),
            }  # fmt: skip
            offset = 0
            while True:
                page = self.report(property, {**asked, "offset": str(offset)})
                for row in rows(page):
                    yield day_record({"property": property, **row}, self.source)
                offset += PAGE
                if offset >= int(page.get("rowCount") or 0):
                    break


def rows(page: Json) -> Iterator[Json]:
    """Rows of an answer by the names of their columns, with what is to be known of them."""
    about = page.get("metadata") or {}
    names = [header["name"] for kind in ("dimensionHeaders", "metricHeaders") for header in page.get(kind) or []]
    common: Json = {"currency": about.get("currencyCode"), "flags": {n: about[n] for n in FLAGS if about.get(n)}}
    for row in page.get("rows") or []:
        values = [cell.get("value") for kind in ("dimensionValues", "metricValues") for cell in row.get(kind) or []]
        yield {**dict(zip(names, values, strict=True)), **common}


def day_record(row: Json, source: str) -> Json:
    """A row as it is landed; what it is about is its property and its dimensions."""

    def key(told: Json) -> str:
        return "|".join([told["property"], *(str(told[name]) for name in DIMENSIONS[1:])])

    def day(told: Json) -> str:
        return f"{told['date'][:4]}-{told['date'][4:6]}-{told['date'][6:]}"

    return campaigns.day_record(row, source, key, day)


def _names(names: tuple[str, ...]) -> list[dict[str, Any]]:
    return [{"name": name} for name in names]


VENDOR = campaigns.vendor(
    name="ga4",
    title="Google Analytics 4",
    base_url=BASE_URL,
    credentials=(
        Credential("CLIENT_ID", "OAuth client", secret=False),
        Credential("CLIENT_SECRET", "OAuth client's secret"),
        Credential("REFRESH_TOKEN", "Refresh token of a viewer of the property, scope analytics.readonly"),
        Credential("PROPERTY_ID", "Number of the property, or several with commas", secret=False),
    ),
    streams=(Stream(campaigns.SESSIONS, "Google Analytics 4: sessions and cost a source, medium, campaign and day"),),
    api=Api,
)

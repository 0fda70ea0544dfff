"""Yandex Direct: figures a campaign and day by the reports service (queued where it must be), campaigns. API v5.

Facts: yandex.ru/dev/direct/doc (reports, period, restrictions). 201 and 202 ask to repeat the same request after the
header retryIn; a table of tabs in which `--` is no value; errors with status 200, too; a deleted campaign has its days.
UNVERIFIED: codes of errors other than 53; that days are Moscow's; that a full queue is code 9000; that 30 days cover
what is corrected and re-attributed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import orjson
import requests

from ingestion import campaigns
from ingestion.bearer import Bearer, Kind, Words, refused
from ingestion.client import Transient
from ingestion.errors import SourceError
from ingestion.settings import Connection
from ingestion.stream import Credential, Json

BASE_URL = "https://api.direct.yandex.com/json/v5"
RESTATED_DAYS, SLICE_DAYS, FULL_DAYS = 30, 180, 1_090
"""Reports reach back three years."""
RETRY_SECONDS, POLLS, FAILURES = 10.0, 360, 2
PAGE = 10_000
FIELDS = ("Date", "CampaignId", "CampaignName", "CampaignType", "Impressions", "Clicks", "Cost", "Conversions")
CODES: dict[int, Kind] = {52: "credentials", 53: "credentials", 54: "permission", 58: "permission", 152: "spent"}
BUSY = {56, 506, 1000, 1002, 9000}
ANY = frozenset(range(200, 600)) - {408, 423, 425, 429, 503, 504}
"""Statuses whose body is looked at."""
WORDS = Words(
    title="Yandex",
    credentials="Check YANDEX_DIRECT_TOKEN; a token ends after a year.",
    permission="Give the token's user access to the client's account, and have the application approved for the API "
    "(Direct, settings, API); agencies name the client in YANDEX_DIRECT_CLIENT_LOGIN.",
    scope="direct:api",
    spent="Points come back over 24 hours: come back in an hour.",
    allowance="the account's daily allowance of points",
)


class TooMuch(SourceError):
    """A report that takes too long or fails: its days are asked for in halves."""


class Api(campaigns.Api):
    """One connection's requests."""

    def __init__(self, connection: Connection) -> None:
        dialect = Bearer(WORDS, connection.credentials["TOKEN"], rates={"api": (20, 10.0)})
        super().__init__(connection, dialect)
        login = self.secret("CLIENT_LOGIN")
        self.vat = "NO" if self.secret("INCLUDE_VAT").upper() == "NO" else "YES"
        # Of these only the reports service takes note of the last four; the summary row says how many rows there are.
        dialect.extra = {
            "Accept-Language": "en", **({"Client-Login": login} if login else {}), "processingMode": "auto",
            "returnMoneyInMicros": "false", "skipReportHeader": "true", "skipReportSummary": "false",
        }  # fmt: skip
        self._clients: list[Json] | None = None

    def parts(self) -> dict[str, campaigns.Part]:
        return {
            campaigns.CAMPAIGNS: campaigns.Whole(self.campaigns),
            campaigns.DAYS: campaigns.Daily(self.days, RESTATED_DAYS, SLICE_DAYS, FULL_DAYS),
        }

    def get(self, stream: str, service: str, params: Json) -> Json:
        """The result of one `get`. Errors: what the error inside the answer means."""

        def read(response: requests.Response) -> Any:
            answer = orjson.loads(response.content)
            self._refuse(answer, stream)
            return answer["result"]

        body = {"method": "get", "params": params}
        found: Json = self.client.call(stream, "POST", f"/{service}", body=body, ok=ANY, read_answer=read)
        return found

    def _refuse(self, answer: Any, stream: str) -> None:
        """Errors: the answer's, where it holds one; Transient where another try can help."""
        error = answer.get("error") if isinstance(answer, dict) else None
        if not error:
            return
        code = int(error.get("error_code") or 0)
        if code in BUSY:
            self.client.pacer.hold("api", RETRY_SECONDS)
            raise Transient(f"code {code}", RETRY_SECONDS)
        raise refused(WORDS, CODES.get(code, "other"), f"code {code}", self.source, stream)

    def clients(self, stream: str) -> list[Json]:
        """The one account of the token or of the client's login; asked once."""
        if self._clients is None:
            fields = {"FieldNames": ["Login", "Currency", "ClientInfo"]}
            self._clients = self.get(stream, "clients", fields).get("Clients") or []
        return self._clients

    def named(self) -> Iterator[tuple[str, str]]:
        for told in self.clients(campaigns.CAMPAIGNS):
            about = f"{told.get('ClientInfo')}, {told.get('Currency')}, Europe/Moscow"
            yield str(told.get("Login")), f"{about}, cost {'with' if self.vat == 'YES' else 'without'} VAT"

    def campaigns(self) -> Iterator[Json]:
        offset: int | None = 0
        while offset is not None:
            params = {"SelectionCriteria": {}, "FieldNames": ["Id", "Name", "State", "Status", "Type"],
                      "Page": {"Limit": PAGE, "Offset": offset}}  # fmt: skip
            told = self.get(campaigns.CAMPAIGNS, "campaigns", params)
            for campaign in told.get("Campaigns") or []:
                yield {"id": str(campaign["Id"]), **campaign}
            offset = told.get("LimitedBy")

    def days(self, first: date, last: date) -> Iterator[Json]:
        """Records of these days; what cannot be had at once, by halves, day by day at last."""
        currency = next((client.get("Currency") for client in self.clients(campaigns.DAYS)), None)
        try:
            rows = self.report(first, last)
        except TooMuch:
            if first == last:
                raise
            middle = first + (last - first) // 2
            yield from self.days(first, middle)
            yield from self.days(middle + timedelta(days=1), last)
            return
        for row in rows:
            record = {**row, "currency": currency, "includes_vat": self.vat}
            yield campaigns.day_record(record, self.source, lambda r: str(r["CampaignId"]), lambda r: str(r["Date"]))

    def report(self, first: date, last: date) -> list[Json]:
        """Rows of a report, however long it is queued. Errors: TooMuch where it fails or does not end."""
        params = {
            "SelectionCriteria": {"DateFrom": first.isoformat(), "DateTo": last.isoformat()}, "FieldNames": FIELDS,
            "OrderBy": [{"Field": "Date"}], "ReportType": "CAMPAIGN_PERFORMANCE_REPORT",
            "DateRangeType": "CUSTOM_DATE", "Format": "TSV", "IncludeVAT": self.vat, "IncludeDiscount": "NO",
        }  # fmt: skip
        # One name stands for one set of parameters for ever.
        named = params | {"ReportName": f"funnel {hashlib.sha256(orjson.dumps(params)).hexdigest()[:24]}"}
        failures = 0

        def read(response: requests.Response) -> list[Json] | float:
            nonlocal failures
            if response.status_code in (201, 202):
                return float(response.headers.get("retryIn") or RETRY_SECONDS)
            if response.status_code >= 500:
                failures += 1
                if response.status_code == 502 or failures > FAILURES:
                    raise TooMuch(self.source, campaigns.DAYS, f"the report failed (HTTP {response.status_code})")
                raise Transient(f"HTTP {response.status_code}")
            if response.status_code != 200 or response.content.startswith(b"{"):
                self._refuse(orjson.loads(response.content), campaigns.DAYS)
                raise Transient(f"HTTP {response.status_code} that says nothing")
            return table(response.content.decode("utf-8"))

        for _ in range(POLLS):
            told = self.client.call(
                campaigns.DAYS, "POST", "/reports", body={"params": named}, ok=ANY, read_answer=read
            )
            if isinstance(told, list):
                return told
            self.client.pacer.hold("api", told)
        raise TooMuch(self.source, campaigns.DAYS, f"the report of {first} to {last} did not come to an end")


def table(text: str) -> list[Json]:
    """Rows of a report by the names of its columns, `--` as null. Errors: ValueError where it is not whole."""
    *lines, summary = text.rstrip("\n").split("\n")
    if not lines or summary != f"Total rows: {len(lines) - 1}":
        raise ValueError("not the table that it says it is")
    names = lines[0].split("\t")
    rows = [line.split("\t") for line in lines[1:]]
    if any(len(row) != len(names) for row in rows):
        raise ValueError("a table with rows of other lengths")
    return [{name: None if value == "--" else value for name, value in zip(names, row, strict=True)} for row in rows]


VENDOR = campaigns.vendor(
    name="yandex_direct",
    title="Yandex Direct",
    base_url=BASE_URL,
    credentials=(
        Credential("TOKEN", "OAuth token of a user of the account"),
        Credential("CLIENT_LOGIN", "Client's login, for agencies", secret=False, optional=True),
        Credential("INCLUDE_VAT", "NO: cost without VAT (with it)", secret=False, optional=True),
    ),
    streams=campaigns.streams("Yandex Direct"),
    api=Api,
)

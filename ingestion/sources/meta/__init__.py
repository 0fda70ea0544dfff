"""Meta: figures a campaign and day by asynchronous report runs, campaigns, lead forms. Marketing API v26.0.

Facts: developers.facebook.com/docs/marketing-api (insights/best-practices, insights/error-codes, overview).
Figures are texts; spend is decimal, in the account's currency; days are the account's; deleted campaigns keep theirs. A
refusal may come with any status: what counts is `error` and its code. Action types overlap: one of them is counted.
UNVERIFIED: that leads can be had for 90 days, that a lead's filter is exclusive, how long a report run is kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import requests

from ingestion import campaigns
from ingestion.bearer import Bearer, Kind, Words, refused
from ingestion.client import Transient
from ingestion.errors import SourceError
from ingestion.settings import Connection, Secret
from ingestion.sources.meta.usage import regained_after, used_percent
from ingestion.stream import Credential, Json

BASE_URL = "https://graph.facebook.com/v26.0"
RESTATED_DAYS, SLICE_DAYS, LEAD_DAYS = 28, 90, 90
WINDOWS = ("7d_click", "1d_view")
FIRST_POLL, LONGEST_POLL, POLLS = 0.25, 20.0, 200
"""Seconds to wait for a report run, twice as long each time; all in all it may take an hour."""
THROTTLED_SECONDS, THROTTLES, LONGEST_WAIT = 60.0, 5, 900.0
ANY = frozenset({*range(200, 300), 400, 401, 403, 404, 500, 503})
"""Statuses whose body is looked at: Meta's errors are told by their code."""
CREDENTIAL, PERMISSION = {102, 190}, {3, 10, 200, 294}
THROTTLE, TEMPORARY = {4, 17, 32, 613, 80000, 80003, 80004, 80005}, {1, 2}
TOO_MUCH = {1487534, 1504018, 1504038}
"""Subcodes: so much at once will never be answered."""
WORDS = Words(
    title="Meta",
    credentials="Check META_ACCESS_TOKEN: a system user's token does not end, a person's ends after 60 days.",
    permission="Give the system user the ad account (and the page, where its lead forms are read) and the token the "
    "permissions ads_read, and for lead forms leads_retrieval, pages_show_list, pages_read_engagement and "
    "pages_manage_ads.",
    scope="ads_read",
    spent="Come back in an hour.",
    allowance="the ad account's allowance of requests",
)
FIELDS = "account_id,account_currency,campaign_id,campaign_name,date_start,date_stop,impressions,clicks,"
FIELDS += "inline_link_clicks,spend,actions,action_values"
STATUSES = ["ACTIVE", "PAUSED", "DELETED", "ARCHIVED", "IN_PROCESS", "WITH_ISSUES"]


class TooMuch(SourceError):
    """A report that is too large, failed or did not end: its days are asked for in halves."""


class MetaDialect(Bearer):
    """Paced by what the headers say is used of the allowance, in per cent."""

    def announced(self, headers: Mapping[str, str]) -> tuple[str, int, float] | None:
        used = used_percent(headers)
        return None if used is None else ("api", 10, 1.0) if used < 75 else ("api", 1, 1.0 if used < 95 else 10.0)


class Api(campaigns.Api):
    """One connection's requests."""

    def __init__(self, connection: Connection) -> None:
        self.dialect = MetaDialect(WORDS, connection.credentials["ACCESS_TOKEN"])
        super().__init__(connection, self.dialect)
        self.conversion = self.secret("CONVERSION") or "lead"
        self._accounts: list[Json] | None = None

    def parts(self) -> dict[str, campaigns.Part]:
        return {
            campaigns.CAMPAIGNS: campaigns.Whole(self.campaigns),
            campaigns.DAYS: campaigns.Daily(self.days, RESTATED_DAYS, SLICE_DAYS),
            campaigns.TOUCHES: campaigns.Changing(self.leads, reread_days=2),
        }

    def ask(self, stream: str, method: str, path: str, params: Mapping[str, Any]) -> Any:
        """One request. Errors: TooMuch; RateLimited where waiting does not help within the run."""
        throttles = 0

        def read(response: requests.Response) -> Any:
            nonlocal throttles
            answer = orjson.loads(response.content)
            error = answer.get("error") if isinstance(answer, dict) else None
            if not error:
                return answer
            code, subcode = int(error.get("code") or 0), int(error.get("error_subcode") or 0)
            kind, word = kind_of(code), f"code {code}" + (f", subcode {subcode}" if subcode else "")
            if subcode in TOO_MUCH:
                raise TooMuch(self.source, stream, f"too much at once ({word})")
            if kind == "spent":
                throttles += 1
                wait = regained_after(response.headers) or THROTTLED_SECONDS
                if throttles <= THROTTLES and wait <= LONGEST_WAIT:
                    self.client.pacer.hold("api", wait)
                    raise Transient(word, wait)
            elif code in TEMPORARY or error.get("is_transient"):
                raise Transient(word)
            raise refused(WORDS, kind, word, self.source, stream)

        return self.client.call(stream, method, path, params=params, ok=ANY, read_answer=read)

    def pages(self, stream: str, path: str, params: Mapping[str, Any]) -> Iterator[Json]:
        """Records of a list."""

        def following(page: Json) -> str:
            paging = page.get("paging") or {}
            return str((paging.get("cursors") or {}).get("after") or "") if paging.get("next") else ""

        def ask(token: str) -> Json:
            found: Json = self.ask(stream, "GET", path, {**params, **({"after": token} if token else {})})
            return found

        return self.pages_of(stream, "data", ask, following)

    def accounts(self, stream: str) -> list[Json]:
        """The accounts that are named, or all that the token may read; asked once."""
        if self._accounts is None:
            fields = {"fields": "account_id,name,currency,timezone_name,account_status"}
            named = [id.strip().removeprefix("act_") for id in self.secret("ACCOUNT_IDS").split(",") if id.strip()]
            self._accounts = (
                [self.ask(stream, "GET", f"/act_{id}", fields) for id in named]
                if named
                else list(self.pages(stream, "/me/adaccounts", fields | {"limit": 100}))
            )
        return self._accounts

    def named(self) -> Iterator[tuple[str, str]]:
        for told in self.accounts(campaigns.CAMPAIGNS):
            yield (
                str(told.get("account_id")),
                f"{told.get('name')}, {told.get('currency')}, {told.get('timezone_name')}",
            )

    def campaigns(self) -> Iterator[Json]:
        every = json.dumps([{"field": "effective_status", "operator": "IN", "value": STATUSES}])
        for account in self.accounts(campaigns.CAMPAIGNS):
            fields = {"fields": "id,name,status,effective_status,objective", "filtering": every, "limit": 200}
            yield from self.pages(campaigns.CAMPAIGNS, f"/act_{account['account_id']}/campaigns", fields)

    def days(self, first: date, last: date) -> Iterator[Json]:
        for account in self.accounts(campaigns.DAYS):
            yield from self.reported(str(account["account_id"]), first, last)

    def reported(self, account: str, first: date, last: date) -> Iterator[Json]:
        """Records of these days by one report run; what cannot be had at once, by halves, day by day at last."""
        try:
            rows = list(self.report(account, first, last))
        except TooMuch:
            if first == last:
                raise
            middle = first + (last - first) // 2
            yield from self.reported(account, first, middle)
            yield from self.reported(account, middle + timedelta(days=1), last)
            return
        for row in rows:
            yield day_record(row, self.source, self.conversion)

    def report(self, account: str, first: date, last: date) -> Iterator[Json]:
        """Rows of a report run. Errors: TooMuch where it fails or does not end."""
        asked = {
            "level": "campaign", "time_increment": 1, "fields": FIELDS, "use_unified_attribution_setting": "true",
            "action_attribution_windows": json.dumps(WINDOWS),
            "time_range": json.dumps({"since": first.isoformat(), "until": last.isoformat()}),
        }  # fmt: skip
        run = str(self.ask(campaigns.DAYS, "POST", f"/act_{account}/insights", asked)["report_run_id"])
        for poll in range(POLLS):
            told = self.ask(campaigns.DAYS, "GET", f"/{run}", {"fields": "async_status,async_percent_completion"})
            status = str(told.get("async_status"))
            if status == "Job Completed" and told.get("async_percent_completion") == 100:
                yield from self.pages(campaigns.DAYS, f"/{run}/insights", {"limit": 500})
                return
            if status in ("Job Failed", "Job Skipped"):
                break
            self.client.pacer.hold("api", min(FIRST_POLL * 2 ** min(poll, 20), LONGEST_POLL))
        raise TooMuch(
            self.source, campaigns.DAYS, f"the report of {first} to {last} did not come to an end ({status})",
            "It was asked for in halves, too. What is known goes on to be used; run again later.",
        )  # fmt: skip

    def leads(self, since: datetime | None) -> Iterator[Json]:
        """Submissions of the forms of the pages that are named. Nothing is named: no lead is asked for."""
        oldest = datetime.now(UTC) - timedelta(days=LEAD_DAYS)
        after = int(max(since or oldest, oldest).timestamp()) - 1
        recent = json.dumps([{"field": "time_created", "operator": "GREATER_THAN", "value": after}])
        fields = "id,created_time,ad_id,campaign_id,form_id,is_organic,platform,field_data"
        for page in (id.strip() for id in self.secret("PAGE_IDS").split(",") if id.strip()):
            with self.as_page(page):
                for form in self.pages(
                    campaigns.TOUCHES, f"/{page}/leadgen_forms", {"fields": "id,name", "limit": 100}
                ):
                    asked = {"fields": fields, "filtering": recent, "limit": 100}
                    for lead in self.pages(campaigns.TOUCHES, f"/{form['id']}/leads", asked):
                        yield lead_record(lead, form)

    @contextmanager
    def as_page(self, page: str) -> Iterator[None]:
        """Lead forms are read with the page's own token, which the user's gives."""
        users, told = self.dialect.token, self.ask(campaigns.TOUCHES, "GET", f"/{page}", {"fields": "access_token"})
        if not told.get("access_token"):
            raise refused(WORDS, "permission", f"no token for page {page}", self.source, campaigns.TOUCHES)
        self.dialect.token = Secret(str(told["access_token"]))
        try:
            yield
        finally:
            self.dialect.token = users


def day_record(row: Json, source: str, conversion: str) -> Json:
    """A row as it is landed, with the one action type that counts. An absent one is 0."""
    record = campaigns.day_record(row, source, lambda r: str(r["campaign_id"]), lambda r: str(r["date_start"]))
    counted = next((a.get("value") for a in row.get("actions") or [] if a.get("action_type") == conversion), "0")
    return {**record, "conversions": counted, "conversion_action": conversion, "attribution": list(WINDOWS)}


def lead_record(lead: Json, form: Json) -> Json:
    """A submission as it is landed: of what the person wrote, the e-mail alone, which becomes a hash."""
    fields = {f.get("name"): next(iter(f.get("values") or []), None) for f in lead.get("field_data") or []}
    kept = {name: value for name, value in lead.items() if name != "field_data"}
    at = datetime.fromisoformat(str(lead["created_time"])).astimezone(UTC).isoformat()
    return {**kept, "at": at, "form_name": form.get("name"), "email": fields.get("email")}


def kind_of(code: int) -> Kind:
    """What an error is about, by its code."""
    if code in CREDENTIAL:
        return "credentials"
    return "permission" if code in PERMISSION else "spent" if code in THROTTLE else "other"


VENDOR = campaigns.vendor(
    name="meta",
    title="Meta",
    base_url=BASE_URL,
    credentials=(
        Credential("ACCESS_TOKEN", "Token of a system user with the permission ads_read"),
        Credential("ACCOUNT_IDS", "Ad accounts, with commas; all that the token may read", secret=False, optional=True),
        Credential("PAGE_IDS", "Pages whose lead forms are read, with commas", secret=False, optional=True),
        Credential("CONVERSION", "Action type that counts as a conversion (lead)", secret=False, optional=True),
    ),
    streams=(*campaigns.streams("Meta"), campaigns.lead_forms("Meta", "leads_retrieval")),
    api=Api,
)

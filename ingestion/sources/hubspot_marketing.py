"""HubSpot's marketing side: marketing e-mails with their counters, submissions of forms. v3, form-integrations v1.

A connection of its own, on where its token is set (the CRM's may do, with two more scopes): a portal without Marketing
Hub costs nothing. Facts: developers.hubspot.com. With includeStats some e-mails are left out without a word: a second
pass without finds them. Submissions come newest first, without a filter by time; of what people wrote in a form only
the e-mail is kept, as a hash, and of the page's address only its UTM parameters.
UNVERIFIED: that counters open and click are of recipients, not of acts; that only blog_comment's forms are barred.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import requests

from ingestion import campaigns
from ingestion.bearer import Bearer, Words
from ingestion.errors import SourceError
from ingestion.settings import Connection
from ingestion.stream import Credential, Json, Stream

BASE_URL = "https://api.hubapi.com"
FORMS, SUBMISSIONS, EMAILS = 500, 50, 100
"""Records of a page, at the most."""
WORDS = Words(
    title="HubSpot",
    credentials="Check HUBSPOT_MARKETING_ACCESS_TOKEN: token of a private app.",
    permission="Give the private app the scopes content (or marketing-email) and forms.",
    scope="content",
    spent="Come back after midnight in the portal's time zone.",
    allowance="the portal's number of requests a day",
)


class HubSpotDialect(Bearer):
    """A 429 is the rolling limit's, or the day's."""

    def wait_asked(self, response: requests.Response) -> float | None:
        if response.status_code == 429 and '"DAILY"' in response.text:
            return float("inf")
        return super().wait_asked(response) or (1.0 if response.status_code == 429 else None)


class Api(campaigns.Api):
    """One connection's requests."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, HubSpotDialect(WORDS, connection.credentials["ACCESS_TOKEN"]))

    def parts(self) -> dict[str, campaigns.Part]:
        return {
            campaigns.EMAILS: campaigns.Changing(lambda since: self.emails(), reread_days=0),
            campaigns.TOUCHES: campaigns.Changing(self.submissions, reread_days=2),
        }

    def named(self) -> Iterator[tuple[str, str]]:
        told = self.client.get(campaigns.EMAILS, "/account-info/v3/details")
        yield str(told.get("portalId")), f"{told.get('companyCurrency')}, {told.get('timeZone')}"

    def pages(self, stream: str, path: str, params: Mapping[str, Any]) -> Iterator[Json]:
        """Records of a list."""

        def ask(token: str) -> Json:
            found: Json = self.client.get(stream, path, {**params, **({"after": token} if token else {})})
            return found

        def following(page: Json) -> str:
            return str(((page.get("paging") or {}).get("next") or {}).get("after") or "")

        return self.pages_of(stream, "results", ask, following)

    def emails(self) -> Iterator[Json]:
        """E-mails that were sent; counters move without moving a date, so that all are read."""
        seen: set[str] = set()
        for with_counters in ("true", "false"):
            asked = {"limit": EMAILS, "includeStats": with_counters}
            for email in self.pages(campaigns.EMAILS, "/marketing/v3/emails", asked):
                if email["id"] not in seen and (email.get("publishDate") or email.get("publishedAt")):
                    seen.add(email["id"])
                    yield email_record(email)

    def submissions(self, since: datetime | None) -> Iterator[Json]:
        """Submissions of all forms since, form by form."""
        asked = {"limit": FORMS, "formTypes": "all"}
        for form in self.pages(campaigns.TOUCHES, "/marketing/v3/forms", asked):
            path = f"/form-integrations/v1/submissions/forms/{form['id']}"
            try:
                for told in self.pages(campaigns.TOUCHES, path, {"limit": SUBMISSIONS}):
                    record = submission_record(told, form)
                    if since and datetime.fromisoformat(record["at"]) < since:
                        break
                    yield record
            except SourceError as error:
                if form.get("formType") != "blog_comment":
                    raise error


def email_record(email: Json) -> Json:
    """An e-mail as it is landed: without its contents and without the names of colleagues."""
    names = ("id", "name", "subject", "state", "type", "campaign", "campaignName", "campaignUtm", "stats")
    at = datetime.fromisoformat(str(email.get("publishDate") or email.get("publishedAt"))).astimezone(UTC)
    counters = ((email.get("stats") or {}).get("counters")) or {}
    kept = {name: email[name] for name in names[:-1] if email.get(name) is not None}
    return {**kept, "counters": counters, "at": at.isoformat()}


def submission_record(told: Json, form: Json) -> Json:
    """A submission as it is landed."""
    values = {str(value.get("name")).lower(): value.get("value") for value in told.get("values") or []}
    at = datetime.fromtimestamp(int(told["submittedAt"]) / 1_000, UTC).isoformat()
    utm = {k: v[0] for k, v in parse_qs(urlsplit(told.get("pageUrl") or "").query).items() if k.startswith("utm_")}
    whole = hashlib.sha256(orjson.dumps([form["id"], told], option=orjson.OPT_SORT_KEYS)).hexdigest()[:24]
    return {
        "id": str(told.get("conversionId") or whole), "at": at, "form_id": str(form["id"]), "form": form.get("name"),
        "email": values.get("email"), **{name: utm.get(name) for name in ("utm_source", "utm_medium", "utm_campaign")},
    }  # fmt: skip


VENDOR = campaigns.vendor(
    name="hubspot_marketing",
    title="HubSpot marketing",
    base_url=BASE_URL,
    credentials=(Credential("ACCESS_TOKEN", "Token of a private app with the scopes content and forms"),),
    streams=(
        Stream(campaigns.EMAILS, "HubSpot: marketing e-mails; a version for each move", "content", optional=True),
        Stream(
            campaigns.TOUCHES, "HubSpot: submissions of forms, without what people wrote in them", "forms",
            optional=True, personal={"email": "email_hash"},
        ),
    ),
    api=Api,
    gives=frozenset({campaigns.EMAILS, campaigns.CAMPAIGNS, campaigns.TOUCHES}),
)  # fmt: skip

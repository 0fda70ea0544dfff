"""Pipedrive: personal API token; deals with their changelogs, persons, leads, pipelines and stages."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from ingestion.checking import look
from ingestion.naming import Naming
from ingestion.settings import Connection
from ingestion.sources.pipedrive.api import Api
from ingestion.sources.pipedrive.dialect import SCOPES
from ingestion.sources.pipedrive.extract import CHANGES, Extraction, read_state
from ingestion.stream import CheckResult, Credential, Json, Pull, Stream, StreamReport, Vendor


def extract(pull: Pull) -> list[StreamReport]:
    """All streams of one connection; a stream's failure is in its report."""
    api = Api(pull.connection)
    with api.client:
        return Extraction(VENDOR, pull, api).run()


def check(connection: Connection, asked: Mapping[str, bool]) -> list[CheckResult]:
    """A request a stream: what the token's user may read."""
    api = Api(connection)
    deal: Json | None = None

    def seen(name: str) -> str:
        nonlocal deal
        if name == CHANGES:
            return "readable" if deal and api.changes(str(deal["id"])) is not None else "no deal to look at"
        record = api.first(name)
        deal = record if name == "deals" else deal
        return "readable" if record else "readable, none there"

    with api.client:
        return look(VENDOR, api.source, {name: partial(seen, name) for name in SCOPES})


NAMING = Naming("persons", {"leads": "person_id", "deals": "person_id"})
_EMAIL = {"email": "email_hash"}
VENDOR = Vendor(
    name="pipedrive",
    title="Pipedrive",
    base_url="",
    credentials=(
        Credential("COMPANY_DOMAIN", "the company's address, acme of acme.pipedrive.com", secret=False),
        Credential("API_TOKEN", "personal API token of an admin"),
    ),
    streams=(
        Stream("users", "Users, inactive ones too; e-mail hashed", SCOPES["users"], personal=_EMAIL, whole=True),
        Stream("deals", "Deals, archived and lately deleted ones too", SCOPES["deals"]),
        Stream(CHANGES, "Changelogs of deals: one record a deal, whole at each change", SCOPES[CHANGES]),
        Stream("pipelines", "Pipelines, whole at every sync", SCOPES["pipelines"], whole=True),
        Stream("stages", "Stages, whole at every sync", SCOPES["stages"], whole=True),
        Stream("persons", "Persons without their names; e-mail hashed", SCOPES["persons"], personal=_EMAIL),
        Stream("leads", "Leads of the inbox, archived ones too", SCOPES["leads"], optional=True),
        Stream("absences", "Records that were known and are not listed any more"),
        Stream("source_counts", "How many records the source listed when ids were last compared"),
    ),
    read_state=read_state,
    extract=extract,
    check=check,
    without=NAMING.without,
    identity_of=NAMING.identity_of,
    people=NAMING.concerned,
)  # fmt: skip

"""Salesforce: connected app with client credentials; opportunities, leads, accounts with their histories, campaigns."""

from __future__ import annotations

from collections.abc import Mapping

from ingestion.errors import MissingScope, SourceError
from ingestion.settings import Connection
from ingestion.sources.salesforce.api import Api
from ingestion.sources.salesforce.extract import Extraction
from ingestion.sources.salesforce.objects import (
    FOLLOWED,
    OPPORTUNITIES,
    ORGANIZATION,
    WHOLE,
    ObjectSpec,
)
from ingestion.sources.salesforce.people import CONCERNED, PEOPLE, identity_of, without
from ingestion.sources.salesforce.state import read_state
from ingestion.stream import CheckResult, Credential, Pull, Stream, StreamReport, Vendor


def extract(pull: Pull) -> list[StreamReport]:
    """All streams of one connection; a stream's failure is in its report."""
    api = Api(pull.connection)
    with api.client:
        return Extraction(VENDOR, pull, api).run()


def check(connection: Connection, asked: Mapping[str, bool]) -> list[CheckResult]:
    """Login, then each object's describe and count: what the run-as user may see, and properties of funnel.yml."""
    api = Api(connection)
    with api.client:
        try:
            api.login(ORGANIZATION.stream)
        except SourceError as error:
            return [CheckResult(connection.name, "login", False, f"{error.message}. {error.guidance}")]
        found = [_checked(api, spec) for spec in (ORGANIZATION, *FOLLOWED, *WHOLE)]
        seen = {result.name for result in found if result.ok}
        if asked and OPPORTUNITIES.stream in seen:
            fields = {field["name"]: field for field in api.describe(OPPORTUNITIES)["fields"]}
            for name in asked:
                told = fields.get(name)
                detail = f"{told.get('label')} ({told.get('type')})" if told else "not known at the source: null"
                found.append(CheckResult(connection.name, f"property {name}", True, detail))
    return found


def _checked(api: Api, spec: ObjectSpec) -> CheckResult:
    try:
        fields = api.fields(spec, api.describe(spec))
        missing = [name for name in spec.wanted if name not in fields]
        count = api.count(spec)
        records = "more records than it counts" if count is None else f"{count:,} records"
        return CheckResult(
            api.source, spec.stream, True, records + (f", without {', '.join(missing)}" if missing else "")
        )
    except MissingScope as error:
        return CheckResult(api.source, spec.stream, spec.optional, error.message, error.scope)
    except SourceError as error:
        return CheckResult(api.source, spec.stream, False, f"{error.message}. {error.guidance}")


def _stream(spec: ObjectSpec) -> Stream:
    whole = spec.cursor is None
    return Stream(spec.stream, spec.description, spec.permission, spec.optional, spec.personal or {}, "Id", whole)


VENDOR = Vendor(
    name="salesforce",
    title="Salesforce",
    base_url="",
    credentials=(
        Credential("INSTANCE_URL", "My Domain address of the org (https://acme.my.salesforce.com)", secret=False),
        Credential("CLIENT_ID", "consumer key of the connected app"),
        Credential("CLIENT_SECRET", "consumer secret of the connected app"),
    ),
    streams=(
        *map(_stream, (ORGANIZATION, *FOLLOWED, *WHOLE)),
        Stream(
            "record_types", "Record types of opportunities with the stages of each", OPPORTUNITIES.permission,
            key="Id", whole=True,
        ),
        Stream("fields", "Fields of opportunities as describe lists them", OPPORTUNITIES.permission, whole=True),
        Stream("absences", "Records that were known and are not to be had any more, not even as deleted ones"),
        Stream("source_counts", "The source's own counts at the end of each extraction"),
    ),
    read_state=read_state,
    extract=extract,
    check=check,
    without=without,
    identity_of=identity_of,
    people=CONCERNED,
    also_people=PEOPLE[1:],
    gives=frozenset({"campaigns", "touches"}),
)  # fmt: skip

"""HubSpot: private-app or service-key token; deals, contacts, companies, leads with full histories."""

from __future__ import annotations

from collections.abc import Mapping

from ingestion.errors import MissingScope, SourceError
from ingestion.settings import Connection
from ingestion.sources.hubspot.api import BASE_URL, Api, Json, NotFound
from ingestion.sources.hubspot.extract import Extraction
from ingestion.sources.hubspot.late import STREAM as LATE
from ingestion.sources.hubspot.objects import COMPANIES, CONTACTS, DEALS, GOALS, LEADS, OBJECTS, ObjectSpec
from ingestion.sources.hubspot.people import CONCERNED, identity_of, without
from ingestion.sources.hubspot.state import read_state
from ingestion.stream import CheckResult, Credential, Pull, Stream, StreamReport, Vendor

SCHEMAS = "crm.schemas.deals.read"
OWNERS_SCOPE = "crm.objects.owners.read"


def extract(pull: Pull) -> list[StreamReport]:
    """All streams of one connection; a stream's failure is in its report."""
    api = Api(pull.connection)
    with api.client:
        return Extraction(VENDOR, pull, api).run()


def check(connection: Connection, asked: Mapping[str, bool]) -> list[CheckResult]:
    """Token, reachability and each stream's scope: one small request a stream; properties of funnel.yml are known."""
    api = Api(connection)
    source = connection.name
    results = []
    definitions: list[Json] = []

    def attempt(name: str, scope: str, optional: bool, request: object) -> None:
        try:
            detail = request()  # type: ignore[operator]
            results.append(CheckResult(source, name, True, detail))
        except MissingScope as error:
            results.append(CheckResult(source, name, optional, error.message, error.scope or scope))
        except SourceError as error:
            results.append(CheckResult(source, name, False, f"{error.message}. {error.guidance}"))

    def count(spec: ObjectSpec) -> str:
        return f"{api.search(spec, [], limit=1)[0]:,} records"

    def properties() -> str:
        definitions.extend(api.property_definitions("properties", DEALS.name))
        return f"{len(definitions)} properties of deals"

    def goals() -> str:
        try:
            return f"{sum(1 for _ in api.every(GOALS))} goals"
        except NotFound:
            return "none: this portal has no goals; quotas are those of targets.csv"

    def known(name: str) -> str:
        found = next((d for d in definitions if d.get("name") == name), None)
        return f"{found.get('label') or name} ({found.get('type')})" if found else "not known at the source: null"

    with api.client:
        attempt(
            "deal_pipelines", DEALS.scope, False, lambda: f"{len(api.pipelines('deal_pipelines', 'deals'))} pipelines"
        )
        if not results[-1].ok and results[-1].scope is None:
            return results
        for spec in OBJECTS:
            attempt(spec.name, spec.scope, spec is LEADS, lambda spec=spec: count(spec))
        attempt("owners", OWNERS_SCOPE, False, lambda: f"{sum(1 for _ in api.owners('owners', archived=False))} owners")
        attempt(GOALS.name, GOALS.scope, True, goals)
        if asked:
            attempt("properties", SCHEMAS, True, properties)
            results += [CheckResult(source, f"property {name}", True, known(name)) for name in asked if definitions]
    return results


VENDOR = Vendor(
    name="hubspot",
    title="HubSpot",
    base_url=BASE_URL,
    credentials=(Credential("ACCESS_TOKEN", "private-app or service-key token (pat-…)"),),
    streams=(
        Stream("deals", "Deals with the history of nine properties; archived ones too", DEALS.scope),
        Stream(
            "contacts", "Contacts: lead fields, lifecycle history; e-mail as a keyed hash", CONTACTS.scope,
            personal={"properties.email": "email_hash"},
        ),
        Stream(
            "companies", "Companies; domain as a keyed hash", COMPANIES.scope,
            personal={"properties.domain": "domain_hash"},
        ),
        Stream("leads", "Leads (object 0-136) with stage history", LEADS.scope, optional=True),
        Stream(
            "owners", "Owners, archived ones too; e-mail as a keyed hash", OWNERS_SCOPE,
            personal={"email": "email_hash"}, whole=True,
        ),
        Stream(
            GOALS.name, "Goals (quotas of owners and teams), whole at every sync", GOALS.scope,
            optional=True, whole=True,
        ),
        Stream("deal_pipelines", "Deal pipelines with their stages, whole at every sync", DEALS.scope, whole=True),
        Stream("lead_pipelines", "Lead pipelines with their stages", LEADS.scope, optional=True, whole=True),
        Stream("properties", "Property definitions of all objects", SCHEMAS, optional=True, whole=True),
        Stream(LATE, "Properties of deals that funnel.yml names since they were last read", DEALS.scope),
        Stream("deal_contacts", "Contacts of each deal", DEALS.scope),
        Stream("deal_companies", "Companies of each deal", DEALS.scope),
        Stream("absences", "Records that were known and are neither live, archived nor merged any more (purged)"),
        Stream("source_counts", "The source's own counts at the end of each extraction"),
    ),
    read_state=read_state,
    extract=extract,
    check=check,
    without=without,
    identity_of=identity_of,
    people=CONCERNED,
)  # fmt: skip

"""Salesforce's endpoints over the world: token, describe, query and queryAll, Bulk 2.0, picklists, limits.

`Salesforce.answer(method, path, query, body, authorization)` → (status, body, headers); the path begins behind the
server's prefix. Knows nothing of sockets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import orjson

from ingestion.sandbox import salesforce_config as config
from ingestion.sandbox import salesforce_errors as errors
from ingestion.sandbox import salesforce_truth, written_truth
from ingestion.sandbox.model import DAY, iso
from ingestion.sandbox.salesforce_bulk import Bulk
from ingestion.sandbox.salesforce_deals import Deals
from ingestion.sandbox.salesforce_people import People, campaigns_of
from ingestion.sandbox.salesforce_schema import MULTI_CURRENCY, SCHEMA, described, types
from ingestion.sandbox.salesforce_soql import Query, Row, checked, parse, run
from ingestion.sandbox.world import World

VERSION = "v68.0"
DATA = f"/services/data/{VERSION}"
CLIENT_ID, CLIENT_SECRET = "sandbox-client", "sandbox-secret"
CREDENTIALS = {
    "INSTANCE_URL": "https://acme.my.salesforce.com", "CLIENT_ID": CLIENT_ID, "CLIENT_SECRET": CLIENT_SECRET
}  # fmt: skip
PAGE = 2_000
Asked = dict[str, list[str]]
Answer = tuple[int, Any, dict[str, str]]
ROUTES = [
    ("GET", re.compile(rf"{DATA}/limits/?"), "limits"),
    ("GET", re.compile(rf"{DATA}/sobjects/(?P<sobject>\w+)/describe/?"), "describe"),
    ("GET", re.compile(rf"{DATA}/(?P<kind>query|queryAll)/?"), "query"),
    ("GET", re.compile(rf"{DATA}/query/(?P<locator>\w+)-(?P<start>\d+)"), "more"),
    ("POST", re.compile(rf"{DATA}/jobs/query/?"), "create_job"),
    ("GET", re.compile(rf"{DATA}/jobs/query/(?P<id>\w+)/?"), "job"),
    ("GET", re.compile(rf"{DATA}/jobs/query/(?P<id>\w+)/results/?"), "results"),
    ("GET", re.compile(rf"{DATA}/ui-api/object-info/Opportunity/picklist-values/(?P<type>\w+)/StageName"), "picklist"),
]


class Salesforce:
    """One org. Options act at once when changed: `hidden`, `missing`, `page`, `bulk.quirks`, `used`."""

    def __init__(
        self,
        world: World,
        *,
        deals: Callable[[int], bool] | None = None,
        tracking: bool = True,
        multi_currency: bool = True,
        bin_days: float | None = None,
        daily: int = 15_000,
        page: int = PAGE,
        missing: tuple[str, ...] = (),
    ) -> None:
        """`deals`: which deal numbers are this org's (all). `tracking`: field history is on for leads' status, owner
        and record type. `bin_days`: days a deleted record can still be seen (None: until the world purges it).
        `missing`: objects that the run-as user may not see."""
        self.world, self.keeps, self.tracking = world, deals or (lambda number: True), tracking
        self.everybody = deals is None
        self.multi_currency, self.bin_days, self.daily, self.page = multi_currency, bin_days, daily, page
        self.missing = set(missing) | (set() if multi_currency else {"DatedConversionRate"})
        self.hidden: dict[str, set[str]] = {}
        self.bulk = Bulk(self._cells)
        self.used, self.logins = 0, 0
        self.sessions: set[str] = set()
        self._locators: dict[str, tuple[Query, list[Row]]] = {}
        self._tables: dict[tuple[Any, ...], list[Row]] = {}

    def truth(self, table: str, as_of: str | None) -> Iterator[Row]:
        """What must be found of the org's opportunities: a table of written_truth.py."""
        names = salesforce_truth.names(self.world)
        return written_truth.TABLES[table](self.world, names, as_of, keeps=self.keeps, bin_days=self.bin_days)

    def answer(self, method: str, path: str, asked: Asked, body: Any, authorization: str | None, host: str) -> Answer:
        """Raises SalesforceRefusal. `host`: the address that the token's answer names."""
        if (method, path) == ("POST", "/services/oauth2/token"):
            return self._token(body, host)
        if (authorization or "").removeprefix("Bearer ") not in self.sessions:
            raise errors.expired()
        if self.used >= self.daily:
            raise errors.used_up()
        self.used += 1
        for wanted, pattern, name in ROUTES:
            match = pattern.fullmatch(path)
            if match and wanted == method:
                endpoint: Callable[..., Any] = getattr(self, name)
                with self.world.lock:
                    self.world.observe()
                    found = endpoint(asked if method == "GET" else body, **match.groupdict())
                status, told, headers = found if isinstance(found, tuple) else (200, found, {})
                return status, told, {"Sforce-Limit-Info": f"api-usage={self.used}/{self.daily}", **headers}
        raise errors.not_found()

    def expire(self) -> None:
        """Every session that was given out has ended."""
        self.sessions.clear()

    def forget_locators(self) -> None:
        self._locators.clear()

    # ---- endpoints
    def _token(self, body: dict[str, Any], host: str) -> Answer:
        if body.get("grant_type") != "client_credentials":
            raise errors.oauth("unsupported_grant_type", "grant type not supported")
        if (body.get("client_id"), body.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            raise errors.oauth("invalid_client", "invalid client credentials")
        self.logins += 1
        token = f"00Dsandbox!session{self.logins}"
        self.sessions.add(token)
        told = {"access_token": token, "instance_url": host, "token_type": "Bearer", "scope": "api"}
        return 200, told | {"id": f"{host}/id/00D/005", "issued_at": str(self.world.now), "signature": "-"}, {}

    def limits(self, asked: Asked) -> Any:
        return {"DailyApiRequests": {"Max": self.daily, "Remaining": self.daily - self.used}}

    def describe(self, asked: Asked, sobject: str) -> Any:
        if sobject not in SCHEMA or sobject in self.missing:
            raise errors.not_found()
        infos = config.record_type_infos(self.world) if sobject == "Opportunity" else []
        return described(sobject, self._hidden(sobject), infos)

    def query(self, asked: Asked, kind: str) -> Any:
        query = self._parsed((asked.get("q") or [""])[0])
        rows = self._rows(query, deleted=kind == "queryAll")
        if not query.fields:
            return {"totalSize": len(rows), "done": True, "records": []}
        locator = f"01g{len(self._locators):012}AAQ"
        self._locators[locator] = query, rows
        return self._page(locator, 0)

    def more(self, asked: Asked, locator: str, start: str) -> Any:
        if locator not in self._locators:
            raise errors.refused(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._page(locator, int(start))

    def create_job(self, asked: dict[str, Any]) -> Any:
        query = self._parsed(asked.get("query") or "")
        return self.bulk.create(query, self._rows(query, asked.get("operation") == "queryAll"), asked["operation"])

    def job(self, asked: Asked, id: str) -> Any:
        return self.bulk.status(id)

    def results(self, asked: Asked, id: str) -> Answer:
        most = int((asked.get("maxRecords") or ["25000"])[0])
        return 200, *self.bulk.results(id, most, (asked.get("locator") or [""])[0])

    def picklist(self, asked: Asked, type: str) -> Any:
        values = config.picklist(self.world, type)
        if values is None:
            raise errors.not_found()
        return {"controllerValues": {}, "defaultValue": None, "url": "-", "values": values}

    # ---- rows
    def _parsed(self, text: str) -> Query:
        query = parse(text)
        if query.sobject not in SCHEMA or query.sobject in self.missing:
            raise errors.no_object(query.sobject)
        return checked(query, types(query.sobject, self._hidden(query.sobject)))

    def _hidden(self, sobject: str) -> set[str]:
        return self.hidden.get(sobject, set()) | (set() if self.multi_currency else {MULTI_CURRENCY})

    def _rows(self, query: Query, deleted: bool) -> list[Row]:
        rows = self.table(query.sobject)
        if not deleted and "IsDeleted" in SCHEMA[query.sobject]:
            rows = [row for row in rows if not row["IsDeleted"]]
        return run(query, rows, types(query.sobject, ()))

    def table(self, sobject: str) -> list[Row]:
        """All rows of an object as of the world's now, deleted ones included."""
        key = (sobject, self.world.now, self.world.version, self.tracking, self.bin_days)
        if key not in self._tables:
            self._tables = {k: rows for k, rows in self._tables.items() if k[1:] == key[1:]}
            self._tables[key] = list(self._made(sobject))
        return self._tables[key]

    def _made(self, sobject: str) -> Iterator[Row]:
        bin_ms = None if self.bin_days is None else int(self.bin_days * DAY)
        deals = Deals(self.world, self.keeps, bin_ms, campaigns_of(self.world))
        tables: dict[str, Callable[[], Iterator[Row]]] = {
            "Opportunity": deals.opportunities,
            "OpportunityHistory": deals.history,
            "OpportunityFieldHistory": lambda: deals.field_history() if self.tracking else iter(()),
        }
        if sobject in tables:
            return tables[sobject]()
        configured = {
            "OpportunityStage": config.stages, "LeadStatus": config.lead_statuses, "User": config.users,
            "Group": config.groups, "ForecastingQuota": config.quotas, "DatedConversionRate": config.rates,
            "Organization": config.organization,
        }  # fmt: skip
        if sobject in configured:
            return configured[sobject](self.world)
        people = People(deals, self.everybody)
        return {
            "Lead": people.leads, "Contact": people.contacts, "Account": people.accounts,
            "LeadHistory": lambda: people.lead_history(self.tracking),
            "OpportunityContactRole": people.contact_roles,
            "Campaign": people.campaigns, "CampaignMember": people.campaign_members,
        }[sobject]()  # fmt: skip

    # ---- rendering
    def _page(self, locator: str, start: int) -> dict[str, Any]:
        query, rows = self._locators[locator]
        fields = SCHEMA[query.sobject]
        records = [self._record(query, fields, row) for row in rows[start : start + self.page]]
        answer: dict[str, Any] = {"totalSize": len(rows), "done": start + self.page >= len(rows), "records": records}
        if not answer["done"]:
            answer["nextRecordsUrl"] = f"{DATA}/query/{locator}-{start + self.page}"
        return answer

    def _record(self, query: Query, fields: dict[str, tuple[str, bool]], row: Row) -> dict[str, Any]:
        url = f"{DATA}/sobjects/{query.sobject}/{row['Id']}"
        record: dict[str, Any] = {"attributes": {"type": query.sobject, "url": url}}
        for name in query.fields:
            value = _as_json(fields[name][0], row.get(name))
            parent, _, own = name.partition(".")
            if own:
                record[parent] = None if value is None else {"attributes": {"type": parent, "url": "-"}, own: value}
            else:
                record[name] = value
        return record

    def _cells(self, query: Query, row: Row) -> list[str]:
        return [_as_cell(SCHEMA[query.sobject][name][0], row.get(name)) for name in query.fields]


def _as_json(type: str, value: Any) -> Any:
    if type == "datetime" and value is not None:
        return iso(value).replace("Z", "+0000")
    if isinstance(value, Decimal):  # as a double is written: 1500.0
        text = f"{value:f}"
        return orjson.Fragment(text.encode() if "." in text else f"{text}.0".encode())
    return value


def _as_cell(type: str, value: Any) -> str:
    if value is None:
        return ""
    if type == "datetime":
        return iso(value)
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:f}" if isinstance(value, Decimal) else str(value)

"""Salesforce's requests for one connection: login, describe, counts, and rows by REST pages or by a Bulk 2.0 job.

Facts: developer.salesforce.com, "Query", "QueryAll", "Query More Results", "Describe".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from ingestion.client import Client
from ingestion.errors import CorruptResponse, MissingScope
from ingestion.exact import exact_json
from ingestion.settings import Connection, Secret
from ingestion.sources.salesforce import bulk
from ingestion.sources.salesforce.dialect import TOKEN_PATH, Refused, SalesforceDialect
from ingestion.sources.salesforce.objects import MASTER_RECORD_TYPE, ObjectSpec
from ingestion.sources.salesforce.times import literal

VERSION = "v68.0"
DATA = f"/services/data/{VERSION}"
BULK_ABOVE = 2_000
"""Rows from which on a job costs fewer requests than pages do."""
LONGEST_QUERY = 14_000
"""Bytes of a query in an address: 16,384 are taken for address and headers together."""
IDS_A_QUERY = 200

Json = dict[str, Any]


class Api:
    """One org, logged in by `login`. `sleep` and `clock` are for the waits between looks at a job."""

    def __init__(
        self,
        connection: Connection,
        *,
        threads: int = 8,
        bulk_above: int = BULK_ABOVE,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.source, self.credentials = connection.name, connection.credentials
        self.bulk_above, self.sleep, self.clock = bulk_above, sleep, clock
        self.dialect = SalesforceDialect(login=self._token)
        base = connection.base_url or my_domain(self.credentials["INSTANCE_URL"].reveal())
        self.client = Client(connection.name, base, self.dialect, threads=threads, sleep=sleep)
        self._login_stream = "organization"

    # ---- session and schema
    def login(self, stream: str) -> None:
        """Errors: AuthError where the credentials are not good; Unreachable."""
        self._login_stream = stream
        self.dialect.token = self._token()

    def _token(self) -> Secret:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.credentials["CLIENT_ID"].reveal(),
            "client_secret": self.credentials["CLIENT_SECRET"].reveal(),
        }
        answer = self.client.call(
            self._login_stream, "POST", TOKEN_PATH, form=form,
            check=lambda told: None if told.get("access_token") else "an answer without access_token",
        )  # fmt: skip
        return Secret(str(answer["access_token"]))

    def now(self) -> datetime:
        """The server's clock at its last answer."""
        return self.dialect.now()

    def describe(self, spec: ObjectSpec) -> Json:
        """Fields and record types of an object. Errors: MissingScope where it cannot be seen."""
        check = lambda told: None if isinstance(told.get("fields"), list) else "a describe without fields"  # noqa: E731
        try:
            found: Json = self.client.get(spec.stream, f"{DATA}/sobjects/{spec.sobject}/describe", check=check)
        except Refused as error:
            if error.code not in ("NOT_FOUND", "INVALID_TYPE"):
                raise
            raise self._lacking(spec, f"{spec.sobject} cannot be seen", spec.permission) from None
        return found

    def fields(self, spec: ObjectSpec, described: Json) -> tuple[str, ...]:
        """Those of the spec that describe lists. Errors: MissingScope with the required ones that it does not."""
        names = {field.get("name") for field in described["fields"]}
        if missing := [name for name in spec.required if name not in names]:
            listed = ", ".join(missing)
            raise self._lacking(
                spec, f"{spec.sobject} lacks {listed} (field-level security hides them)",
                f"field-level read of {spec.sobject}: {listed}",
            )  # fmt: skip
        return (*spec.required, *(name for name in spec.wanted if name in names or "." in name))

    def _lacking(self, spec: ObjectSpec, message: str, permission: str) -> MissingScope:
        return MissingScope(
            self.source, spec.stream, f"{message}: the run-as user needs '{permission}'", scope=permission,
            guidance="Give the permission to the run-as user of the connected app, then run again.",
        )  # fmt: skip

    def record_types(self, described: Json, stream: str) -> Iterator[Json]:
        """Record types of an object with the stages of each, in order; the master type is that of records without."""
        for info in described.get("recordTypeInfos") or []:
            id = MASTER_RECORD_TYPE if info.get("master") else info.get("recordTypeId")
            path = f"{DATA}/ui-api/object-info/Opportunity/picklist-values/{id}/StageName"
            try:
                values = self.client.get(stream, path, check=_has("values"))["values"]
            except Refused:  # an inactive type, of which old records may still be
                values = []
            yield {
                "Id": id, "Name": info.get("name"), "DeveloperName": info.get("developerName"),
                "IsActive": bool(info.get("active")), "stages": [value.get("value") for value in values],
            }  # fmt: skip

    # ---- rows
    def count(self, spec: ObjectSpec, where: str = "", deleted: bool = True) -> int | None:
        """Records of an object, or None where counting them takes the source too long."""
        soql = select((), spec.sobject, where)
        try:
            answer = self.client.get(spec.stream, _path(spec, deleted), {"q": soql}, check=_has("totalSize"))
        except Refused as error:
            if error.code == "QUERY_TIMEOUT":
                return None
            raise
        return int(answer["totalSize"])

    def rows(self, spec: ObjectSpec, fields: Sequence[str], where: str = "") -> Iterator[Json]:
        """Every record, deleted ones too where the object has them; by a job where there are many. Order: none."""
        rows = self.count(spec, where) if spec.cursor else 0
        if rows is None or rows > self.bulk_above:
            operation = "queryAll" if spec.has_deleted else "query"
            try:
                job = bulk.create(self.client, spec.stream, select(fields, spec.sobject, where), operation)
            except Refused:  # the Bulk API does not know every object
                pass
            else:
                yield from bulk.rows(self.client, spec.stream, job, self.sleep, self.clock)
                return
        yield from self.pages(spec, fields, where)

    def pages(self, spec: ObjectSpec, fields: Sequence[str], where: str = "") -> Iterator[Json]:
        """By REST. A list of fields too long for an address is asked for in parts, merged by Id."""
        first, *others = split(fields, spec.cursor or "Id")
        if not others:
            yield from self._walk(spec, first, where)
            return
        held: dict[str, Json] = {}
        for record in self._walk(spec, first, where):
            held[record["Id"]] = record
            if len(held) == IDS_A_QUERY:
                yield from self._merged(spec, held, others)
                held = {}
        yield from self._merged(spec, held, others)

    def _merged(self, spec: ObjectSpec, held: dict[str, Json], parts: Sequence[Sequence[str]]) -> Iterator[Json]:
        """A record that changed between the parts keeps the first part's date: the next sync reads it again."""
        for part in parts if held else ():
            for record in self._walk(spec, part, f"Id IN ({', '.join(map(quoted, held))})"):
                held[record["Id"]] = {**record, **held[record["Id"]]}
        yield from held.values()

    def by_ids(self, spec: ObjectSpec, fields: Sequence[str], ids: Sequence[str]) -> Iterator[Json]:
        """Records of these ids; those that do not exist are not returned."""
        for start in range(0, len(ids), IDS_A_QUERY):
            yield from self.pages(spec, fields, f"Id IN ({', '.join(map(quoted, ids[start : start + IDS_A_QUERY]))})")

    def _walk(self, spec: ObjectSpec, fields: Sequence[str], where: str) -> Iterator[Json]:
        """Page by page, in order of the cursor, so that where a locator is lost the walk goes on from the last row."""
        order = f"{spec.cursor}, Id" if spec.cursor else "Id"
        last, ties = "", set[str]()
        while True:
            condition = " AND ".join(filter(None, [where, f"{spec.cursor} >= {last}" if last else ""]))
            params: Json | None = {"q": select(fields, spec.sobject, condition, order)}
            path, asked = _path(spec, spec.has_deleted), set[str]()
            try:
                while True:
                    answer = self.client.get(spec.stream, path, params, read=exact_json, check=_has("records"))
                    for record in answer["records"]:
                        row = _flat(record)
                        if row["Id"] in ties and literal(row.get(spec.cursor or "")) == last:
                            continue
                        yield row
                        if spec.cursor:
                            at = literal(row.get(spec.cursor))
                            ties = {row["Id"]} if at != last else ties | {row["Id"]}
                            last = at
                    if answer.get("done", True):
                        return
                    path, params = str(answer.get("nextRecordsUrl")), None
                    if path in asked or not path.startswith("/services/data/"):
                        raise CorruptResponse(self.source, spec.stream, "endless paging: a page came a second time")
                    asked.add(path)
            except Refused as error:
                if error.code != "INVALID_QUERY_LOCATOR" or not last:
                    raise


def my_domain(text: str) -> str:
    """The org's address, with or without its scheme as it is given."""
    return (text if "://" in text else f"https://{text}").rstrip("/")


def select(fields: Sequence[str], sobject: str, where: str = "", order: str = "") -> str:
    """SOQL; no fields: how many records there are."""
    text = f"SELECT {', '.join(fields) or 'COUNT()'} FROM {sobject}"
    return text + (f" WHERE {where}" if where else "") + (f" ORDER BY {order}" if order else "")


def split(fields: Sequence[str], cursor: str) -> list[list[str]]:
    """Lists of fields that each fit an address beside a condition on ids; every list holds Id, the later ones the rest.

    The first one holds the cursor.
    """
    room = LONGEST_QUERY - IDS_A_QUERY * len(quote("'006000000000000AAA', ")) - 500
    parts: list[list[str]] = [["Id", *([cursor] if cursor != "Id" else [])]]
    length = 0
    for name in (name for name in fields if name not in parts[0]):
        length += len(quote(f"{name}, "))
        if length > room:
            parts.append(["Id"])
            length = len(quote(f"{name}, "))
        parts[-1].append(name)
    return parts


def since(field: str, moment: datetime) -> str:
    """The condition of what is new since an instant."""
    return f"{field} >= {moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.000Z}"


def quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _path(spec: ObjectSpec, deleted: bool) -> str:
    return f"{DATA}/{'queryAll' if deleted and spec.has_deleted else 'query'}"


def _has(name: str) -> Callable[[Any], str | None]:
    return lambda told: None if isinstance(told, dict) and name in told else f"an answer without {name}"


def _flat(record: Json) -> Json:
    """Without what is about the record; a field of another record, UserRole.Name, becomes RoleName."""
    row: Json = {}
    for name, value in record.items():
        if name == "UserRole":
            row["RoleName"] = (value or {}).get("Name")
        elif name != "attributes":
            row[name] = value
    return row

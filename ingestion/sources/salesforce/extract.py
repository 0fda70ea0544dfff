"""One Salesforce connection's extraction: its units of work side by side, each leaving complete windows or none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime

from ingestion.errors import AuthError, MissingScope, RateLimited, Unreachable
from ingestion.instants import is_due
from ingestion.redaction import redact
from ingestion.sources.salesforce.api import Api, Json, my_domain, quoted
from ingestion.sources.salesforce.dialect import Refused
from ingestion.sources.salesforce.objects import (
    ACCOUNTS,
    DEALS,
    FIELD_HISTORY,
    FOLLOWED,
    OPPORTUNITIES,
    ORGANIZATION,
    QUEUES,
    USERS,
    WHOLE,
    ObjectSpec,
)
from ingestion.sources.salesforce.pull import ObjectPull
from ingestion.sources.salesforce.state import Followed, State, fingerprint, is_old
from ingestion.stream import Pull, StreamReport, Vendor
from ingestion.units import Units

THREADS = 6


class Extraction(Units):
    """One connection's run over Salesforce's API."""

    def __init__(self, vendor: Vendor, pull: Pull, api: Api) -> None:
        super().__init__(vendor, pull, api.client)
        self.api = api
        self.state: State = pull.state or State()

    def run(self) -> list[StreamReport]:
        """The org first, since it tells whether the login is good; its configuration last: a stage or a user made while
        records were read is known then."""
        self.guarded(ORGANIZATION.stream, self._organization)
        if isinstance(error := self.reports[ORGANIZATION.stream].error, AuthError | Unreachable | RateLimited):
            return self.failed(error)
        followed = {spec.stream: self._object_unit(spec) for spec in FOLLOWED}
        whole = {spec.stream: self._whole_unit(spec) for spec in WHOLE} | {"record_types": self._opportunity_schema}
        for units in (followed, whole):
            self.side_by_side(units, THREADS)
        if warning := self.api.dialect.warning():
            self.reports[ORGANIZATION.stream].warnings += (warning,)
        return list(self.reports.values())

    def _organization(self) -> None:
        self.api.login(ORGANIZATION.stream)
        fields = self.api.fields(ORGANIZATION, self.api.describe(ORGANIZATION))
        # where a person opens its records: nothing that the API answers says it
        where = {"InstanceUrl": my_domain(self.pull.connection.credentials["INSTANCE_URL"].reveal())}
        self.land_whole(ORGANIZATION.stream, ({**row, **where} for row in self.api.rows(ORGANIZATION, fields)))

    # ---- what is read whole
    def _whole_unit(self, spec: ObjectSpec) -> Callable[[], None]:
        if spec is USERS:
            return lambda: self.land_whole(USERS.stream, [*self._users(), *self._queues()])
        return lambda: self.land_whole(spec.stream, self._all(spec))

    def _all(self, spec: ObjectSpec) -> Iterator[Json]:
        yield from self.api.rows(spec, self.api.fields(spec, self.api.describe(spec)))

    def _users(self) -> list[Json]:
        try:
            return list(self._all(USERS))
        except Refused as error:
            if error.code != "INVALID_FIELD":
                raise
        self.reports[USERS.stream].warnings += ("roles cannot be seen ('View Roles and Role Hierarchy'): no teams",)
        return list(self._all(replace(USERS, wanted=tuple(name for name in USERS.wanted if "." not in name))))

    def _queues(self) -> Iterator[Json]:
        try:
            described = self.api.describe(QUEUES)
        except MissingScope as error:
            self.reports[USERS.stream].warnings += (f"queues are skipped: {error.message}",)
            return
        yield from self.api.rows(QUEUES, self.api.fields(QUEUES, described), QUEUES.where)

    def _opportunity_schema(self) -> None:
        """Record types with their stages; the list of fields, landed when it changed and once a day."""
        described = self.api.describe(replace(OPPORTUNITIES, stream="record_types"))
        self.land_whole("record_types", self.api.record_types(described, "record_types"))
        names = ("name", "label", "type", "calculated", "custom")
        rows: dict[str, Json] = {}
        for entry in described["fields"]:
            id = f"{OPPORTUNITIES.stream}:{entry['name']}"
            rows[id] = {"id": id, "object": DEALS, **{name: entry.get(name) for name in names}}
        if self.pull.full or rows != self.state.fields or is_old(self.state, datetime.now(UTC)):
            self.guarded("fields", lambda: self.land_whole("fields", rows.values()))

    # ---- what is followed by its date
    def _object_unit(self, spec: ObjectSpec) -> Callable[[], None]:
        return lambda: self._object(self._asked(spec))

    def _asked(self, spec: ObjectSpec) -> ObjectSpec:
        """What is asked of an object: of opportunities also what funnel.yml names, and the changes that it follows."""
        if spec is OPPORTUNITIES:
            return spec.asking(tuple(self.pull.asked))
        if spec is FIELD_HISTORY:
            names = ["Owner", "RecordType", *(name for name, history in self.pull.asked.items() if history)]
            return replace(spec, where=f"Field IN ({', '.join(map(quoted, names))})")
        return spec

    def _object(self, spec: ObjectSpec) -> None:
        """One object with what hangs on it. Its own window is committed last: killed before that, all is read again."""
        clock, stream = time.monotonic(), self.vendor.stream(spec.stream)
        described = self.api.describe(spec)
        fields = self.api.fields(spec, described)
        past = self.state.followed.get(spec.stream) or Followed()
        kind = "full" if self._must_be_full(spec, fields, described, past) else "incremental"
        with ExitStack() as stack:
            writer = self.write(stack, spec.stream, kind)
            pull = ObjectPull(
                self.api, spec, fields, past, writer,
                redact=lambda record: redact(_with_domain(spec, record), stream.personal, self.pull.pii_key),
                progress=lambda rows, expected: self.pull.progress(self.source, spec.stream, rows, expected),
                as_of=self.pull.as_of,
            )  # fmt: skip
            pull.run()
            self.land_absences(stack, spec.counted_as, pull.absent, kind, clock, pull.began)
            if count := pull.count:
                self.land_count(
                    stack, spec.counted_as, clock, live=count.live, archived=count.deleted, bracket_low=count.low,
                    bracket_high=count.high,
                )  # fmt: skip
            self.commit(
                writer, clock, from_at=past.resume if kind == "incremental" else None, to_at=pull.high,
                details=pull.details(),
            )  # fmt: skip
            self.reports[spec.stream].warnings += tuple(self._noticed(spec, described, pull))

    def _must_be_full(self, spec: ObjectSpec, fields: tuple[str, ...], described: Json, past: Followed) -> bool:
        """Never read, or other fields; formulas of funnel.yml move no date, so they are read once a week."""
        if self.pull.full or past.resume is None or past.asked != fingerprint(fields, spec.where):
            return True
        formulas = {field["name"] for field in described["fields"] if field.get("calculated")}
        asked = formulas & self.pull.asked.keys() if spec.stream == OPPORTUNITIES.stream else set()
        return bool(asked) and is_due(past.swept, self.pull.as_of or self.api.now())

    def _noticed(self, spec: ObjectSpec, described: Json, pull: ObjectPull) -> Iterator[str]:
        """What people should hear of an object's extraction, beside errors."""
        if spec.stream == OPPORTUNITIES.stream:
            known = {field["name"] for field in described["fields"]}
            for name in sorted(self.pull.asked.keys() - known):
                yield f"property {name} of funnel.yml is not known at the source: it is null"
        if missing := sorted(set(spec.wanted) - set(pull.fields) - {"CurrencyIsoCode"} - self.pull.asked.keys()):
            yield f"{spec.sobject} lacks {', '.join(missing)} (field-level security, or not in this org): gone without"
        if pull.overlooked:
            yield f"comparison of ids: {pull.overlooked} records were missing; read now"


def _with_domain(spec: ObjectSpec, record: Json) -> Json:
    """An account's website as its bare domain, so that its hash is that of other systems' domains."""
    if spec.stream == ACCOUNTS.stream and record.get("Website"):
        record["Website"] = domain(str(record["Website"]))
    return record


def domain(website: str) -> str:
    """`https://www.example.com/de` → `example.com`."""
    return website.strip().lower().split("://")[-1].split("/")[0].removeprefix("www.")

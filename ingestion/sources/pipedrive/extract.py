"""One Pipedrive connection's extraction: users, deals, persons and leads by their dates, then deals' changelogs.

A changelog costs a request a deal, so it is read of deals that changed. Each is complete by itself: what a day's budget
did not reach is found by what raw holds (a deal whose newest version is newer than its changelog) and read next time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from ingestion.errors import AuthError, RateLimited, Unreachable
from ingestion.following import Past, Source, Spec, follow_all, read_past
from ingestion.sources.pipedrive.api import Api
from ingestion.stream import Json, Pull, StateReader, StreamReport, Vendor
from ingestion.units import Units

DEALS = Spec("deals", "update_time", "is_deleted", "deals")
PERSONS = Spec("persons", "update_time", counted_as="contacts")
LEADS = Spec("leads", "update_time", counted_as="leads")
FOLLOWED = (DEALS, PERSONS, LEADS)
WHOLE = ("pipelines", "stages")
CHANGES = "deal_changes"
STANDING = ("pipeline_id", "stage_id", "status", "expected_close_date", "close_time")
"""What a deal says of fields of which its changelog may hold no row: there it has always been so."""
THREADS = 4


@dataclass
class State:
    """What raw holds of a connection. `pending`: {id: deal} of those whose changelog is older than they are."""

    past: dict[str, Past] = field(default_factory=dict)
    pending: dict[str, Json] = field(default_factory=dict)


def read_state(reader: StateReader) -> State:
    read = {id: at for id, _, at in reader.newest(CHANGES, ("$.deal_update_time",))}
    names = ("update_time", *STANDING)
    pending = {}
    for id, _, *texts in reader.newest("deals", [f"$.{name}" for name in names]):
        if read.get(id) != texts[0]:
            pending[id] = dict(zip(names, texts, strict=True))
    return State(read_past(reader, FOLLOWED), pending)


class Extraction(Units):
    """One connection's run over Pipedrive's API."""

    def __init__(self, vendor: Vendor, pull: Pull, api: Api) -> None:
        super().__init__(vendor, pull, api.client)
        self.api = api
        self.state: State = pull.state or State()
        self.pending: dict[str, Json] = dict(self.state.pending)

    def run(self) -> list[StreamReport]:
        """Users first: they tell whether the token is good. Configuration last: what records name is known then."""
        self.guarded("users", lambda: self.land_whole("users", self._users()))
        if isinstance(error := self.reports["users"].error, AuthError | Unreachable | RateLimited):
            return self.failed(error)
        now, api = self.api.dialect.now, self.api
        sources = {
            DEALS: Source(self._deals, api.deal_ids, api.deals_by_id, now),
            PERSONS: Source(api.persons, api.person_ids, now=now),
            LEADS: Source(api.leads, api.lead_ids, now=now),
        }
        follow_all(self, sources, self.state.past, THREADS)
        self.side_by_side({name: partial(self._whole, name) for name in WHOLE}, THREADS)
        self.unless_spent(CHANGES, self._changes)
        return list(self.reports.values())

    def _whole(self, name: str) -> None:
        self.land_whole(name, self.api.listed(name))

    def _users(self) -> Iterator[Json]:
        """With the company's address, which no answer holds: there a person opens its records."""
        for user in self.api.users():
            yield {**user, "company_domain": self.api.company}

    def _deals(self, since: datetime | None) -> Iterator[Json]:
        for deal in self.api.deals(since):
            id = str(deal.get("id"))
            if self.state.past.get("deals", Past()).dates.get(id) != deal.get("update_time") or self.pull.full:
                self.pending[id] = deal
            yield deal

    def _changes(self) -> None:
        """Of every deal that changed; where the budget ends in between, those that were read are landed."""
        started = time.monotonic()
        if not self.pending or self.reports["deals"].error:
            return
        deals = sorted(self.pending.items(), key=lambda item: str(item[1].get("update_time")))
        with ExitStack() as stack:
            writer = self.write(stack, CHANGES, "incremental")
            pool = stack.enter_context(ThreadPoolExecutor(THREADS, thread_name_prefix=f"changes-{self.source}"))
            stack.callback(pool.shutdown, cancel_futures=True)
            spent = None
            try:
                for (id, deal), rows in zip(
                    deals, pool.map(lambda item: self.api.changes(item[0]), deals), strict=True
                ):
                    standing = {name: deal.get(name) for name in STANDING}
                    writer.write(
                        {"id": id, "deal_update_time": deal.get("update_time"), **standing, "changes": rows or []}
                    )
                    self.pull.progress(self.source, CHANGES, writer.rows, len(deals))
            except RateLimited as error:
                spent = error
            if writer.rows:
                self.commit(writer, started)
            if spent:
                raise spent

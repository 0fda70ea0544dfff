"""How marketing sources are declared: their streams, what a vendor's module gives for one connection, what is checked.

A vendor's module gives an Api: its client, its accounts, and a part (restated.py) for each stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from ingestion import restated
from ingestion.bearer import Words, refreshed
from ingestion.client import Client, Dialect
from ingestion.errors import CorruptResponse, SourceError
from ingestion.restated import Changing, Daily, Part, Whole
from ingestion.settings import Connection, Secret
from ingestion.stream import CheckResult, Credential, Json, People, Pull, Stream, StreamReport, Vendor
from ingestion.units import Units

__all__ = ["Api", "Changing", "Daily", "Part", "Whole", "day_record", "lead_forms", "streams", "vendor"]

DAYS, CAMPAIGNS, SESSIONS, EMAILS, TOUCHES = "campaign_days", "campaigns", "session_days", "email_campaigns", "touches"
"""Streams, and the names of the staging models that marts are made of."""


class Api:
    """One connection's requests; a vendor's module derives its own."""

    connection: Connection

    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self.connection, self.source = connection, connection.name
        self.client = Client(connection.name, connection.base_url, dialect)

    def secret(self, name: str) -> str:
        """A credential's text, empty where it is not set."""
        found = self.connection.credentials.get(name)
        return found.reveal() if found else ""

    def refreshing(self, words: Words, usual: str, tokens: str, path: str) -> Callable[[], Secret]:
        """What gets an access token for the refresh token, by OAuth's form. `usual`: the vendor's own address; where
        another one stands in its place, a stand-in has the host of `tokens` under it, too."""

        def login() -> Secret:
            names = ("CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN")
            form = {"grant_type": "refresh_token", **{name.lower(): self.secret(name) for name in names}}
            base = tokens if self.connection.base_url == usual else self.connection.base_url
            return refreshed(words, self.source, base, path, form)

        return login

    def pages_of(
        self, stream: str, records: str, ask: Callable[[str], Json], following: Callable[[Json], str]
    ) -> Iterator[Json]:
        """Records of a list, in the order of its pages. `ask`: a page by its token ("" the first).

        `following`: the next one's token, "" after the last (an empty page need not be it). Errors: CorruptResponse for
        a circle.
        """
        token = ""
        while True:
            page = ask(token)
            yield from page.get(records) or []
            after = following(page)
            if not after:
                return
            if after == token:
                raise CorruptResponse(self.source, stream, "paging goes in a circle")
            token = after

    def parts(self) -> Mapping[str, Part]:
        """{stream: how it is read}."""
        raise NotImplementedError

    def named(self) -> Iterable[tuple[str, str]]:
        """(name, what is worth knowing) of each account that is read, for `funnel check`."""
        raise NotImplementedError


def streams(title: str) -> tuple[Stream, ...]:
    """The streams of every vendor of advertising figures."""
    return (
        Stream(CAMPAIGNS, f"{title}: campaigns, removed ones too; the whole list when it changed"),
        Stream(DAYS, f"{title}: figures a campaign and day; a row when it is new or was restated"),
    )


def lead_forms(title: str, scope: str) -> Stream:
    """Submissions of a vendor's own lead forms: id, at, campaign_id, form_id, who (hashed)."""
    told = f"{title}: submissions of its lead forms, without what people wrote in them"
    return Stream(TOUCHES, told, scope=scope, optional=True, personal={"email": "email_hash"})


def vendor(
    *,
    name: str,
    title: str,
    base_url: str,
    credentials: tuple[Credential, ...],
    streams: tuple[Stream, ...],
    api: Callable[[Connection], Api],
    gives: frozenset[str] | None = None,
    **more: Any,
) -> Vendor:
    """A marketing source's declaration. `gives`: its staging models, where they are others than its streams'."""
    made = Vendor(
        name, title, base_url, credentials, streams,
        read_state=lambda reader: restated.read_state(reader, streams),
        extract=lambda pull: extract(pull, made, api(pull.connection)),
        check=lambda connection, asked: check(api(connection), streams),
        people=tuple(stream.name for stream in streams if stream.personal), without=without,
        gives_deals=False, gives=gives or frozenset(stream.name for stream in streams), **more,
    )  # fmt: skip
    return made


def without(stream: str, record: Json, people: People) -> Json | None:
    """None where a person who asked to be forgotten sent the form."""
    return None if people.has_hash(record.get("email_hash")) else record


def extract(pull: Pull, vendor: Vendor, api: Api) -> list[StreamReport]:
    """Every stream, one after the other; a failure is in its report and leaves nothing of its window."""
    held: restated.Held = pull.state or restated.Held()
    with api.client:
        units, parts = Units(vendor, pull, api.client), api.parts()
        for stream in vendor.streams:
            units.guarded(stream.name, lambda name=stream.name: restated.land(units, name, parts[name], held))  # type: ignore[misc]
    return list(units.reports.values())


def check(api: Api, streams: Sequence[Stream]) -> list[CheckResult]:
    """A line an account, and one for each stream that not every token may read."""
    found = []
    with api.client:
        try:
            found = [CheckResult(api.source, f"account {name}", True, told) for name, told in api.named()]
        except SourceError as error:
            return [CheckResult(api.source, "accounts", False, f"{error.message}. {error.guidance}", error.scope)]
        for stream in (stream for stream in streams if stream.optional):
            part, began = api.parts()[stream.name], datetime.now(UTC)
            try:
                if isinstance(part, Changing):
                    next(iter(part.fetch(began)), None)
                found.append(CheckResult(api.source, stream.name, True, "may be read", stream.scope))
            except SourceError as error:
                told = f"{error.message}. {error.guidance}"
                found.append(CheckResult(api.source, stream.name, False, told, error.scope or stream.scope))
    return found


def day_record(row: Json, source: str, campaign: Callable[[Json], str], day: Callable[[Json], str]) -> Json:
    """A row of figures as it is landed. Errors: CorruptResponse where it does not say what it is about."""
    try:
        key, at = campaign(row), date.fromisoformat(day(row)).isoformat()
    except (KeyError, IndexError, TypeError, ValueError):
        raise CorruptResponse(
            source, DAYS, "a row without account, campaign or date", record=str(row)[:200],
            guidance="Nothing of this window was landed; what is known goes on to be used. Run again later.",
        ) from None  # fmt: skip
    return {**row, "id": f"{key}:{at}", "campaign_id": key, "date": at}

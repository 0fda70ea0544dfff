"""What a stream, a vendor and a connection's extraction are. Declarations only: no I/O here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ingestion.errors import SourceError
    from ingestion.landing import Landing
    from ingestion.settings import Connection, Secret

Progress = Callable[[str, str, int, int | None], None]
"""Called as (source, stream, rows so far, rows expected or None), from any thread."""


@dataclass(frozen=True)
class Stream:
    """One kind of record of a vendor; its raw table is `raw.<vendor>__<name>`."""

    name: str
    description: str
    scope: str | None = None
    optional: bool = False
    """Skipped with a warning, not an error, where the scope is missing."""
    personal: Mapping[str, str] = field(default_factory=dict)
    """Personal data of a record, replaced before landing: {dotted path: name of the keyed hash in its place}."""
    key: str = "id"
    """Name of the record's own id in it."""
    whole: bool = False
    """Every window lists all there is: a record that is absent from one is gone."""


@dataclass(frozen=True)
class Credential:
    """One secret or setting of a connection, by the end of its environment variable."""

    suffix: str
    help: str
    secret: bool = True
    optional: bool = False
    """The connection is on without it."""


@dataclass
class StreamReport:
    """What one stream's extraction did. `window_id` is None where nothing was landed."""

    source: str
    vendor: str
    stream: str
    kind: str = "incremental"
    window_id: str | None = None
    rows: int = 0
    requests: int = 0
    retries: int = 0
    seconds: float = 0.0
    from_at: datetime | None = None
    to_at: datetime | None = None
    warnings: tuple[str, ...] = ()
    error: SourceError | None = None


@dataclass(frozen=True)
class CheckResult:
    """One line of `funnel check`."""

    source: str
    name: str
    ok: bool
    detail: str
    scope: str | None = None


Json = dict[str, Any]


@dataclass(frozen=True)
class People:
    """People who asked to be forgotten, as a vendor's records name them: by bare id, by hash of the e-mail."""

    has_id: Callable[[str], bool]
    has_hash: Callable[[str | None], bool]


class StateReader(Protocol):
    """What extraction may know of what was loaded before; ingestion.loading implements it over the warehouse."""

    as_of: datetime | None
    """The run's as-of, for what is due only now and then; None: not told, so that everything may be due."""

    def last_window(self, stream: str) -> Mapping[str, Any] | None:
        """Details of the newest loaded window of a stream that carries a resume point, or None."""

    def newest(self, stream: str, paths: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """(record_id, window_seq, *texts at the JSON paths) of each record's newest version, ids ascending as text."""


@dataclass(frozen=True)
class Pull:
    """Everything one connection's extraction gets: no environment, no clock, no warehouse."""

    connection: Connection
    landing: Landing
    state: Any
    pii_key: Secret
    full: bool = False
    as_of: datetime | None = None
    """The run's as-of. Narrows nothing: it dates what no source dates (a purge seen by this run)."""
    progress: Progress = lambda source, stream, rows, expected: None
    asked: Mapping[str, bool] = field(default_factory=dict)
    """{property of deals that funnel.yml names beyond the usual ones: with its history?}"""


@dataclass(frozen=True)
class Vendor:
    """A source module's declaration, from which assets, raw tables, checks and settings derive."""

    name: str
    title: str
    base_url: str
    credentials: tuple[Credential, ...]
    streams: tuple[Stream, ...]
    read_state: Callable[[StateReader], Any]
    extract: Callable[[Pull], list[StreamReport]]
    check: Callable[[Connection, Mapping[str, bool]], list[CheckResult]]
    """(connection, properties asked for as in Pull.asked) → what `funnel check` shows."""
    without: Callable[[str, Json, People], Json | None] | None = None
    """(stream, record, forgotten people) → the record without them, None where it is one of them."""
    identity_of: Callable[[str, Json], tuple[Set[str], Set[str]]] | None = None
    """(stream, record) → (ids, e-mail hashes) of the person that the record is; empty where it is none."""
    people: Sequence[str] = ()
    """Streams whose records are people or name them; the first is the people's own."""
    also_people: Sequence[str] = ()
    """Further ones of them whose records are people: one person can be a record of several."""
    gives_deals: bool = True
    """A CRM: its models are those of vars.vendors. Else those of vars.ad_vendors."""
    gives: Set[str] = frozenset()
    """Marketing things (campaigns.py) of which it has a staging model stg_<vendor>__<thing>."""
    is_reference: bool = False
    """It gives exchange rates, no deals; it needs no credential, exchange_rates of funnel.yml turns it on."""

    def stream(self, name: str) -> Stream:
        """The declared stream of that name; KeyError where there is none."""
        return {stream.name: stream for stream in self.streams}[name]

"""People who asked to be forgotten: FUNNEL_HOME/forgotten.json holds keyed hashes of their ids and e-mail hashes.

Nobody can be named from the list, yet whatever is about to be landed can be asked against it: that is the one place
(`landing.Admit`) where a forgotten person is kept from coming back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from ingestion.errors import LandingError
from ingestion.landing import Admit
from ingestion.redaction import person_hash
from ingestion.registry import vendors
from ingestion.settings import Secret, Settings
from ingestion.stream import Json, People

FILE = "forgotten.json"


class Forgotten:
    """The list, asked by plain id or hash; `people` is [{at, tokens}], one entry an act."""

    def __init__(self, key: Secret, people: Iterable[dict[str, Any]] = ()) -> None:
        self._key = key
        self.people = list(people)
        self._tokens = {token for person in self.people for token in person["tokens"]}

    def __bool__(self) -> bool:
        return bool(self._tokens)

    def add(self, keys: Iterable[str], hashes: Iterable[str]) -> int:
        """Take a person in: `keys` as <source>:<id>, `hashes` of e-mails. Returns how many entries were new."""
        tokens = {self._token("id", key) for key in keys} | {self._token("hash", value) for value in hashes}
        new = sorted(tokens - self._tokens)
        if new:
            self.people.append({"at": datetime.now(UTC).isoformat(timespec="seconds"), "tokens": new})
            self._tokens |= tokens
        return len(new)

    def has_key(self, key: str | None) -> bool:
        """Whether <source>:<id> is a forgotten person's."""
        return bool(self._tokens) and key is not None and self._token("id", key) in self._tokens

    def has_hash(self, value: str | None) -> bool:
        """Whether this is the hash of a forgotten person's e-mail."""
        return bool(self._tokens) and value is not None and self._token("hash", value) in self._tokens

    def of(self, source: str) -> People:
        """The same for the bare ids of one connection."""
        return People(lambda number: self.has_key(f"{source}:{number}"), self.has_hash)

    def _token(self, kind: str, text: str) -> str:
        return person_hash(f"forgotten {kind} {text}", self._key)


def read_forgotten(settings: Settings) -> Forgotten:
    """The list of this home. Errors: LandingError where it is damaged (nothing may be landed unasked)."""
    path = settings.home / FILE
    if not path.exists():
        return Forgotten(settings.pii_key)
    try:
        return Forgotten(settings.pii_key, json.loads(path.read_text(encoding="utf-8"))["people"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LandingError(f"{path} is damaged ({error}). Restore it: it keeps forgotten people out.") from None


def without(forgotten: Forgotten, source: str, vendor: str, stream: str, record: Json) -> Json | None:
    """The record without forgotten people, unchanged where none is in it, None where it is one of them."""
    edit = vendors()[vendor].without if vendor in vendors() else None
    return edit(stream, record, forgotten.of(source)) if edit else record


def admission(settings: Settings) -> Admit:
    """What landing asks of every record before it is written."""
    forgotten = read_forgotten(settings)
    if not forgotten:
        return lambda source, vendor, stream, record: record
    return lambda source, vendor, stream, record: without(forgotten, source, vendor, stream, record)

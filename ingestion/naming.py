"""Where a vendor's records hold a person, said as a table (Vendor.without, identity_of, people): for plain CRMs."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

from ingestion.stream import Json, People


@dataclass(frozen=True)
class Naming:
    """`people`: the stream whose records are people, by `id` and `email_hash`; `named`: fields of other streams that
    hold such an id or a list of them. Users are colleagues: they lose the hash of their e-mail.
    """

    people: str
    named: Mapping[str, str]
    users: str = "users"

    @property
    def concerned(self) -> tuple[str, ...]:
        return (self.people, *self.named, "absences", self.users)

    def identity_of(self, stream: str, record: Json) -> tuple[Set[str], Set[str]]:
        """(ids, e-mail hashes) of the one person that a record is; empty where it is none."""
        if stream != self.people:
            return set(), set()
        return {str(record.get("id"))}, {text} if (text := record.get("email_hash")) else set()

    def without(self, stream: str, record: Json, people: People) -> Json | None:
        """The record without those people; None where it is one of them."""
        if stream == self.people:
            gone = people.has_id(str(record.get("id"))) or people.has_hash(record.get("email_hash"))
            return None if gone else record
        if stream == "absences" and record.get("object") == "contacts":
            return None if people.has_id(str(record.get("object_id"))) else record
        if stream == self.users and people.has_hash(record.get("email_hash")):
            return {**record, "email_hash": None}
        name = self.named.get(stream, "")
        held = record.get(name)
        if isinstance(held, list):
            return {**record, name: [id for id in held if not people.has_id(str(id))]}
        return {**record, name: None} if held is not None and people.has_id(str(held)) else record

"""Where HubSpot's records hold a person, so that one who asked to be forgotten can be kept out of them.

Contacts are people. Deals name them in their associations, purges by id. Owners are colleagues: they lose the hash of
their e-mail, their deals keep them. Free text (a deal's name) cannot be searched for people.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from ingestion.sources.hubspot.state import merged_ids
from ingestion.stream import Json, People

PEOPLE = "contacts"
CONCERNED = ("contacts", "deal_contacts", "absences", "owners")


def identity_of(stream: str, record: Json) -> tuple[Set[str], Set[str]]:
    """(ids, e-mail hashes) of the one person that a contact's record is, those merged into it included."""
    if stream != PEOPLE:
        return set(), set()
    properties: dict[str, Any] = record.get("properties") or {}
    merged = merged_ids(properties.get("hs_merged_object_ids"), properties.get("hs_calculated_merged_vids"))
    ids = {str(number) for number in merged} | {str(record["id"])} if record.get("id") else set()
    return ids, {text} if (text := properties.get("email_hash")) else set()


def without(stream: str, record: Json, people: People) -> Json | None:
    """The record without those people; None where it is one of them."""
    if stream == PEOPLE:
        ids, hashes = identity_of(stream, record)
        return None if any(map(people.has_id, ids)) or any(map(people.has_hash, hashes)) else record
    if stream == "deal_contacts":
        linked = record.get("to") or []
        kept = [link for link in linked if not people.has_id(str(link.get("toObjectId")))]
        return record if len(kept) == len(linked) else {**record, "to": kept}
    if stream == "absences" and record.get("object") == PEOPLE:
        return None if people.has_id(str(record.get("object_id"))) else record
    if stream == "owners" and people.has_hash(record.get("email_hash")):
        return {**record, "email_hash": None}
    return record

"""Where Salesforce's records hold a person, so that one who asked to be forgotten can be kept out of them.

Leads and contacts are people; a converted lead is the same person as its contact. Roles, campaign members and absences
name them by id, opportunities do not. Users are colleagues: they lose the hash of their e-mail.
"""

from __future__ import annotations

from collections.abc import Set

from ingestion.stream import Json, People

PEOPLE = ("leads", "contacts")
_IDS = ("Id", "ConvertedContactId", "MasterRecordId")
_NAMES = {
    "contact_roles": ("ContactId",), "campaign_members": ("LeadId", "ContactId"), "lead_history": ("LeadId",),
}  # fmt: skip
CONCERNED = (*PEOPLE, *_NAMES, "absences", "users")


def identity_of(stream: str, record: Json) -> tuple[Set[str], Set[str]]:
    """(ids, e-mail hashes) of the one person that a lead or a contact is: what it was merged into or became is too."""
    if stream not in PEOPLE:
        return set(), set()
    ids = {str(record[name]) for name in _IDS if record.get(name)}
    return ids, {text} if (text := record.get("email_hash")) else set()


def without(stream: str, record: Json, people: People) -> Json | None:
    """The record without those people; None where it is one of them."""
    if stream in PEOPLE:
        ids, hashes = identity_of(stream, record)
        return None if any(map(people.has_id, ids)) or any(map(people.has_hash, hashes)) else record
    if stream in _NAMES:
        return None if any(people.has_id(str(record.get(name))) for name in _NAMES[stream]) else record
    if stream == "absences" and record.get("object") == "leads":
        return None if people.has_id(str(record.get("object_id"))) else record
    if stream == "users" and people.has_hash(record.get("email_hash")):
        return {**record, "email_hash": None}
    return record

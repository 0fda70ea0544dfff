"""Salesforce: who asked to be forgotten is kept out, in every stream that names a person."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tenacity import wait_none

from ingestion import client, rewriting
from ingestion.forgotten import Forgotten
from ingestion.landing import Landing
from ingestion.redaction import person_hash
from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from ingestion.settings import Secret
from ingestion.sources.salesforce import VENDOR
from ingestion.sources.salesforce.extract import domain
from tests.ingestion.salesforce_home import good, newest, query, settings, sync

NAMING = ("leads", "contacts", "contact_roles", "lead_history", "campaign_members")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "BACKOFF", wait_none())
    monkeypatch.setattr(client.Pacer, "take", lambda self, allowance: None)


def test_a_person_is_forgotten_as_lead_and_as_contact_and_does_not_come_back(tmp_path: Path) -> None:
    key = Secret("test")
    with Sandbox(World(seed=5, deals=40)) as sandbox:
        good(sync(tmp_path, sandbox))
        lead = next(row for row in sandbox.salesforce.table("Lead") if row["IsConverted"] and not row["IsDeleted"])
        keys, hashes = {f"salesforce:{lead['Id']}"}, set[str]()
        landing = Landing(settings(tmp_path, sandbox).landing)
        rewriting.identities(landing, keys, hashes)
        assert keys == {f"salesforce:{lead['Id']}", f"salesforce:{lead['ConvertedContactId']}"}
        assert hashes == {person_hash(lead["Email"], key)}
        forgotten = Forgotten(key)
        forgotten.add(keys, hashes)
        touched = {done.window.stream: done.removed for done in rewriting.forget(landing, forgotten)}
        assert touched.keys() >= {"leads", "contacts", "contact_roles", "lead_history"}
        assert (touched["leads"], touched["contacts"]) == (1, 1)
        left = json.dumps([record for window in landing.windows() for record in rewriting.records(window)])
        assert all(text not in left.replace(lead["ConvertedOpportunityId"], "") for text in [*hashes, lead["Id"]])
        # A sync of a home of its own, in which the list is known from the start.
        fresh = tmp_path / "fresh"
        fresh.mkdir()
        (fresh / "forgotten.json").write_text(json.dumps({"people": forgotten.people}))
        good(sync(fresh, sandbox))
        texts = [
            t for stream in NAMING for (t,) in query(fresh, f"select record::varchar from raw.salesforce__{stream}")
        ]
        assert not any(name in text for text in texts for name in (lead["Id"], lead["ConvertedContactId"], *hashes))
        there = sum(not row["IsDeleted"] for row in sandbox.salesforce.table("Lead"))
        for _ in range(2):
            count = newest(fresh, "source_counts")["leads"]["live"]
            ours = [row for row in newest(fresh, "leads").values() if row["IsDeleted"] == "false"]
            assert float(count) == len(ours) == there - 1
            assert good(sync(fresh, sandbox))["leads"].requests <= 6, "no comparison of ids: the difference is known"


def test_a_person_is_lead_and_contact() -> None:
    lead = {"Id": "00Q1", "ConvertedContactId": "0031", "MasterRecordId": None, "email_hash": "h"}
    assert VENDOR.identity_of is not None
    assert VENDOR.identity_of("leads", lead) == ({"00Q1", "0031"}, {"h"})
    assert VENDOR.identity_of("contacts", {"Id": "0031", "email_hash": None}) == ({"0031"}, set())
    assert VENDOR.identity_of("opportunities", {"Id": "0061"}) == (set(), set())


@pytest.mark.parametrize("website", ["https://www.Acme.example.com/de?x=1", "acme.example.com", " ACME.example.com/ "])
def test_a_website_is_hashed_as_its_domain(website: str) -> None:
    assert domain(website) == "acme.example.com"

"""Forgotten people: the list names nobody, landing keeps them out, windows are written again whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tenacity import wait_none

from ingestion import client, rewriting
from ingestion.config import Config
from ingestion.errors import LandingError
from ingestion.extract import extract
from ingestion.forgotten import FILE, Forgotten, admission, read_forgotten, without
from ingestion.landing import Landing, Window
from ingestion.loading import load_new, open_warehouse, read_state
from ingestion.redaction import person_hash
from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from ingestion.settings import Secret, Settings, load_settings

KEY = Secret("key")
JANE, JOHN = person_hash("Jane@Example.com ", KEY), person_hash("john@example.com", KEY)


def contact(number: int, email_hash: str | None = None, merged: str = "") -> dict[str, Any]:
    properties = {"email_hash": email_hash, "hs_merged_object_ids": merged, "text": "ü" * number}
    return {"id": str(number), "properties": properties}


def land(landing: Landing, stream: str, *records: dict[str, Any], source: str = "hubspot") -> Window:
    with landing.write(source, "hubspot", stream, "full") as writer:
        for record in records:
            writer.write(record)
        return writer.commit()


def read(landing: Landing) -> list[dict[str, Any]]:
    return [record for window in landing.windows() for record in rewriting.records(window)]


def forgotten(*keys: str, hashes: tuple[str, ...] = ()) -> Forgotten:
    people = Forgotten(KEY)
    people.add(keys, hashes)
    return people


def test_the_list_names_nobody_and_knows_everybody_on_it() -> None:
    people = forgotten("hubspot:5001", hashes=(JANE,))
    text = json.dumps(people.people)
    assert "5001" not in text.replace(people.people[0]["at"], "")
    assert JANE not in text
    again = Forgotten(KEY, json.loads(text))
    assert (again.has_key("hubspot:5001"), again.has_key("emea:5001"), again.has_key("hubspot:500")) == (
        True,
        False,
        False,
    )
    assert (again.has_hash(JANE), again.has_hash(JOHN), again.has_hash(None)) == (True, False, False)
    assert again.add(["hubspot:5001"], [JANE]) == 0
    assert not Forgotten(Secret("another"), json.loads(text)).has_key("hubspot:5001")


def test_where_hubspot_names_a_person() -> None:
    people = forgotten("hubspot:5001", hashes=(JANE,))

    def edited(stream: str, record: dict[str, Any], source: str = "hubspot") -> dict[str, Any] | None:
        return without(people, source, "hubspot", stream, record)

    assert edited("contacts", contact(5001)) is None
    assert edited("contacts", contact(7, JANE)) is None
    assert edited("contacts", contact(8, JOHN, merged="4; 5001")) is None
    assert edited("contacts", contact(5001), source="emea") is not None
    stays = contact(9, JOHN)
    assert edited("contacts", stays) is stays
    links = {"id": "1", "to": [{"toObjectId": "5001"}, {"toObjectId": "5002"}]}
    assert edited("deal_contacts", links) == {"id": "1", "to": [{"toObjectId": "5002"}]}
    assert edited("absences", {"id": "contacts:5001", "object": "contacts", "object_id": "5001"}) is None
    deal = {"id": "deals:5001", "object": "deals", "object_id": "5001"}
    assert edited("absences", deal) is deal
    assert edited("owners", {"id": "3", "firstName": "J", "email_hash": JANE}) == {
        "id": "3", "firstName": "J", "email_hash": None,
    }  # fmt: skip


def test_landing_keeps_them_out(tmp_path: Path) -> None:
    settings = Settings(tmp_path, (), Config(), KEY)
    assert admission(settings)("hubspot", "hubspot", "contacts", contact(5001)) is not None
    (tmp_path / FILE).write_text(json.dumps({"people": forgotten("hubspot:5001").people}))
    landing = Landing(settings.landing, admission(settings))
    assert land(landing, "contacts", contact(5001), contact(5002)).rows == 1
    assert [record["id"] for record in read(landing)] == ["5002"]
    (tmp_path / FILE).write_text("{")
    with pytest.raises(LandingError, match="keeps forgotten people out"):
        read_forgotten(settings)


def test_identities_follow_merges_earlier_emails_and_other_connections(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    land(landing, "contacts", contact(1, JANE), contact(2, JOHN), contact(9, "other"))
    land(landing, "contacts", contact(3, None, merged="1"), contact(3, "newer"))
    land(landing, "contacts", contact(3, "somebody"), contact(4, "newer"), source="emea")
    keys, hashes = set(), {JANE}
    rewriting.identities(landing, keys, hashes)
    assert keys == {"hubspot:1", "hubspot:3", "emea:4"}
    assert hashes == {JANE, "newer"}


def test_windows_are_written_again_and_others_left_alone(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    held = land(landing, "contacts", *(contact(n) for n in range(1, 6)))
    other = land(landing, "contacts", contact(7))
    only = land(landing, "contacts", contact(3))
    before = [record for record in read(landing) if record["id"] != "3"]
    people = forgotten("hubspot:3")
    planned = rewriting.forget(landing, people, dry_run=True)
    assert [(w.window.window_id, w.removed) for w in planned] == [(held.window_id, 1), (only.window_id, 1)]
    assert len(read(landing)) == 7
    assert len(rewriting.forget(landing, people)) == 2
    windows = {window.window_id: window for window in landing.windows()}
    assert [windows[w.window_id].rows for w in (held, other, only)] == [4, 1, 0]
    assert windows[other.window_id] == other
    assert (windows[held.window_id].extracted_at, windows[held.window_id].kind) == (held.extracted_at, "full")
    assert read(landing) == before  # the hashes in window.json are checked by it
    files = {path.name for path in held.folder.iterdir()}
    assert files == {"window.json", windows[held.window_id].parts[0].name}
    assert rewriting.forget(landing, people) == []


@pytest.mark.parametrize("at", ["part", "rename"])
def test_killed_in_between_leaves_the_old_window_and_the_next_call_finishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    landing = Landing(tmp_path)
    held = land(landing, "contacts", *(contact(n) for n in range(1, 6)))
    people = forgotten("hubspot:3")
    with monkeypatch.context() as patch:
        target = "ingestion.landing._PartFile.close" if at == "part" else "pathlib.Path.rename"
        patch.setattr(target, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            rewriting.forget(landing, people)
    assert [record["id"] for record in read(landing)] == ["1", "2", "3", "4", "5"]
    assert len(list(held.folder.iterdir())) > 2
    rewriting.forget(landing, people)
    assert [record["id"] for record in read(landing)] == ["1", "2", "4", "5"]
    assert len(list(held.folder.iterdir())) == 2


def test_killed_before_old_parts_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    landing = Landing(tmp_path)
    held = land(landing, "contacts", contact(3), contact(4))
    people = forgotten("hubspot:3")
    with monkeypatch.context() as patch:
        patch.setattr(rewriting, "sync_folder", lambda path: (path / "window.json").stat())
        patch.setattr("pathlib.Path.unlink", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            rewriting.forget(landing, people)
    assert [record["id"] for record in read(landing)] == ["4"]
    assert len(list(held.folder.iterdir())) == 3
    rewriting.forget(landing, people)
    assert len(list(held.folder.iterdir())) == 2


def test_damaged_part_is_no_ground_to_write_on(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    held = land(landing, "contacts", contact(3), contact(4))
    (held.folder / held.parts[0].name).write_bytes(b"?")
    with pytest.raises(LandingError, match="not what was landed"):
        rewriting.forget(landing, forgotten("hubspot:3"))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "BACKOFF", wait_none())
    monkeypatch.setattr(client.Pacer, "take", lambda self, allowance: None)


@pytest.mark.usefixtures("quick")
def test_whom_the_source_still_has_is_met_left_out_and_not_counted(tmp_path: Path) -> None:
    """Live and archived, in incremental and full syncs: the source's count less them is what is landed."""
    with Sandbox(World(seed=11, deals=60), rate=None, search_rate=None) as sandbox:
        given = load_settings({"HUBSPOT_ACCESS_TOKEN": "sandbox-token", "HUBSPOT_API_BASE": sandbox.url}, tmp_path)
        assert sync(given) == []
        live = sorted(sandbox.world.view("contacts").live)
        with sandbox.world.lock:
            sandbox.world.archive("contacts", live[4])
        gone = {f"hubspot:{live[n]}" for n in (3, 4)}
        people = Forgotten(given.pii_key)
        people.add(gone, [])
        (tmp_path / FILE).write_text(json.dumps({"people": people.people}))
        assert sum(found.removed for found in rewriting.forget(Landing(given.landing), people)) == 2
        given.warehouse.unlink()
        load_new(given.warehouse, given.landing)
        for full in (False, True, False):
            with sandbox.world.lock:
                sandbox.world.write("contacts", live[3], {"hs_lead_status": f"OPEN {full}"})
                sandbox.world.write("contacts", live[5], {"hs_lead_status": f"OPEN {full}"})
            assert sync(given, full=full) == []
            counted, archived = landed_counts(given)
            view = sandbox.world.view("contacts")
            assert counted == {"live": len(view.live) - 1, "archived": len(view.archived) - 1}
            assert archived == counted
        landed = {f"hubspot:{record['id']}" for window in rewriting.concerned(Landing(given.landing))
                  if window.stream == "contacts" for record in rewriting.records(window)}  # fmt: skip
        assert not landed & gone
        assert f"hubspot:{live[5]}" in landed


def sync(given: Settings, **options: Any) -> list[str]:
    """Errors of a sync that was loaded."""
    reports = extract(given, {"hubspot": read_state(given.warehouse, "hubspot", "hubspot")}, **options)
    load_new(given.warehouse, given.landing)
    return [str(report.error) for report in reports if report.error]


def landed_counts(given: Settings) -> tuple[dict[str, int], dict[str, int]]:
    """Contacts by the newest source_counts record, and as their newest landed versions are."""
    state = read_state(given.warehouse, "hubspot", "hubspot").objects["contacts"]
    with open_warehouse(given.warehouse, read_only=True) as connection:
        (text,) = connection.execute(
            """select record::varchar from raw.hubspot__source_counts where record_id = 'contacts'
               order by window_seq desc limit 1"""
        ).fetchone()
    counted = json.loads(text)
    assert counted["bracket_low"] <= counted["live"] <= counted["bracket_high"]
    return {k: counted[k] for k in ("live", "archived")}, {"live": len(state.live), "archived": len(state.archived)}

"""Rollback: one step back, publishing held until released, nothing wanted is pruned, wrong ids list the right ones."""

from __future__ import annotations

import json
from datetime import timedelta
from threading import Event, Thread

import duckdb
import pytest

from ingestion.settings import Settings
from orchestration import status
from orchestration.errors import WrongUse
from orchestration.hold import read_hold
from orchestration.home import Home
from orchestration.publish import publish
from orchestration.rollback import current_id, release, rollback
from tests.orchestration.conftest import AS_OF, fill, session_of


def published(settings: Settings, number: int, value: int | None = None, days: int | None = None) -> dict:
    as_of = AS_OF + timedelta(days=number if days is None else days)
    session = session_of(settings, f"{number:08d}-run", as_of)
    fill(session, number if value is None else value)
    return publish(session)


def releases(settings: Settings) -> set[str]:
    return {path.name for path in (settings.published / "releases").iterdir()}


def test_back_to_the_one_before_held_then_released(settings: Settings) -> None:
    home = Home(settings.home)
    first, second = published(settings, 1)["id"], published(settings, 2)["id"]
    done = rollback(home, why="amounts doubled")
    assert (done["outcome"], done["publication"], done["instead_of"]) == ("rolled_back", first, second)
    assert current_id(home) == first
    hold = json.loads((settings.home / "hold.json").read_text())
    assert hold["why"] == "amounts doubled"
    assert hold["by"]
    assert hold["since"].endswith("+00:00")

    third = published(settings, 3)
    assert third["outcome"] == "held"
    assert current_id(home) == first
    assert releases(settings) == {first, second, third["id"]}
    shown = status.text(status.collect(settings))
    assert f"held at {first}" in shown
    assert "amounts doubled" in shown

    assert published(settings, 4, value=3)["id"] == third["id"]  # the same tables: no second copy a run
    assert release(home)["outcome"] == "released"
    assert current_id(home) == first
    fourth = published(settings, 5, value=3)
    assert (fourth["outcome"], current_id(home)) == ("published", fourth["id"])
    assert status.collect(settings)["hold"] is None
    assert release(home)["message"] == "Publishing was not held."


def test_a_second_rollback_goes_one_further_and_skips_replays(settings: Settings) -> None:
    home = Home(settings.home)
    first = published(settings, 1)["id"]
    replay = published(settings, 2, days=0)
    assert replay["outcome"] == "release_only"
    second, third = (published(settings, number)["id"] for number in (3, 4))
    assert rollback(home)["publication"] == second
    assert first not in releases(settings)  # keep is 3
    with pytest.raises(WrongUse, match=f"no earlier publication.*{third}.*rolled back.*{replay['id']}.*never current"):
        rollback(home)


def test_by_name_also_forward(settings: Settings) -> None:
    home = Home(settings.home)
    ids = [published(settings, number)["id"] for number in (1, 2, 3)]
    assert rollback(home, ids[0])["publication"] == ids[0]
    assert rollback(home, ids[1])["instead_of"] == ids[0]
    assert current_id(home) == ids[1]
    again = rollback(home, ids[1], why="stay")
    assert (again["outcome"], read_hold(home).why) == ("held", "stay")


def test_nothing_newer_than_current_is_pruned_while_held(settings: Settings) -> None:
    home = Home(settings.home)
    ids = [published(settings, number)["id"] for number in (1, 2, 3)]
    rollback(home, ids[0])
    held = [published(settings, number)["id"] for number in range(4, 9)]
    assert releases(settings) == {*ids, *held}
    release(home)
    newest = published(settings, 9)["id"]
    assert releases(settings) == {*held[-2:], newest}


@pytest.mark.parametrize("wrong", ["20200101T000000Z-none", "../../x", ".lock", ""])
def test_unknown_publication_is_refused_with_what_exists(settings: Settings, wrong: str) -> None:
    first = published(settings, 1)["id"]
    with pytest.raises(WrongUse, match=first):
        rollback(Home(settings.home), wrong)
    assert current_id(Home(settings.home)) == first
    assert read_hold(Home(settings.home)) is None


@pytest.mark.parametrize("damage", ["gone", "changed", "no manifest"])
def test_incomplete_publication_is_refused(settings: Settings, damage: str) -> None:
    first, second = published(settings, 1)["id"], published(settings, 2)["id"]
    folder = settings.published / "releases" / first
    file = folder / {"gone": "funnel.duckdb", "changed": "parquet/dim_deals.parquet"}.get(damage, "manifest.json")
    file.write_bytes(file.read_bytes()[:-1] + b"?") if damage == "changed" else file.unlink()
    with pytest.raises(WrongUse, match=f"(not whole|no publication).*{second}"):
        rollback(Home(settings.home), first)
    assert current_id(Home(settings.home)) == second


def test_nothing_published_yet(settings: Settings) -> None:
    with pytest.raises(WrongUse, match="Nothing has been published yet"):
        rollback(Home(settings.home))


def test_hold_that_cannot_be_read_holds(settings: Settings) -> None:
    first = published(settings, 1)["id"]
    (settings.home / "hold.json").write_text("{")
    assert published(settings, 2)["outcome"] == "held"
    assert current_id(Home(settings.home)) == first


def test_a_hold_set_while_a_run_writes_its_release_is_kept(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestration import publish as module

    home, write = Home(settings.home), module.write_release
    first = published(settings, 1)["id"]
    second = published(settings, 2)["id"]

    def slow(*arguments: object) -> dict:
        manifest = write(*arguments)
        rollback(home)
        return manifest

    monkeypatch.setattr(module, "write_release", slow)
    assert published(settings, 3)["outcome"] == "held"
    assert current_id(home) == first
    assert second in releases(settings)


def test_readers_meet_no_error_over_rollbacks(settings: Settings) -> None:
    home = Home(settings.home)
    ids = [published(settings, number)["id"] for number in (1, 2)]
    stop, wrong, seen = Event(), [], set()

    def read() -> None:
        while not stop.is_set():
            try:
                file = (settings.published / "current").resolve() / "funnel.duckdb"
                with duckdb.connect(str(file), read_only=True) as connection:
                    seen.update(connection.execute("select distinct value from marts.dim_deals").fetchall())
            except Exception as error:  # noqa: BLE001 whatever a reader meets is a finding
                wrong.append(error)

    reader = Thread(target=read)
    reader.start()
    for number in range(20):
        rollback(home, ids[number % 2])
    stop.set()
    reader.join()
    assert wrong == []
    assert seen <= {(1,), (2,)}

"""A person is forgotten over the real thing: landing, warehouse, kept publications, one of them held back.

The tests share one home and build on one another, in order.
"""

# ruff: noqa: F811 (pytest finds fixtures by the names of arguments)

from __future__ import annotations

import json
from dataclasses import dataclass

import duckdb
import pytest
import zstandard

from ingestion.sandbox.model import iso
from orchestration import warehouse
from orchestration.home import Home
from orchestration.rollback import check_whole
from tests.e2e.conftest import beginning  # noqa: F401 a fixture
from tests.e2e.test_undo_run import (  # noqa: F401 fixtures, and the tests that leave publishing on hold
    Funnel,
    Place,
    current,
    funnel,
    place,
    test_changed_category_and_own_models_are_seen_before_publishing,
    test_held_released_published_with_own_models_and_rolled_back_to_the_byte,
)


@dataclass
class Person:
    """Somebody with a deal, as the marts call them."""

    key: str
    hash: str

    @property
    def id(self) -> str:
        return self.key.split(":")[1]


@pytest.fixture(scope="module")
def person(place: Place) -> Person:
    file = (place.home.published / "current").resolve() / "funnel.duckdb"
    with duckdb.connect(str(file), read_only=True) as connection:
        return Person(
            *connection.execute(
                """select lead_key, person_hash from marts.dim_leads join marts.dim_deals using (lead_key)
                   where person_hash is not null and not dim_leads.is_deleted order by 1 limit 1"""
            ).fetchone()
        )


def traces(home: Home, person: Person) -> list[str]:
    """Where the person is found: every column of every table, every record, every byte of everything else."""
    needles = (person.key.encode(), person.hash.encode())
    found = []
    for path in sorted(p for p in home.root.rglob("*") if p.is_file() and not p.is_symlink()):
        data = path.read_bytes()
        if path.suffix == ".zst":
            data = zstandard.ZstdDecompressor().decompressobj().decompress(data)
            records = [json.loads(line) for line in data.splitlines()]
            if "contacts" in path.parts and any(record["id"] == person.id for record in records):
                found.append(f"{path}: id")
            if f'"{person.id}"'.encode() in data and path.parent.parent.name in (
                "contacts",
                "deal_contacts",
                "absences",
            ):
                found.append(f"{path}: id in quotes")
        if any(needle in data for needle in needles):
            found.append(str(path))
        if path.suffix == ".parquet":
            found += _in_table(duckdb.connect(), f"'{path}'", person, path.name)
        if path.suffix == ".duckdb":
            with duckdb.connect(str(path), read_only=True) as connection:
                names = connection.execute("select schema_name || '.\"' || table_name || '\"' from duckdb_tables()")
                for (table,) in names.fetchall():
                    found += _in_table(connection, table, person, f"{path.name} {table}")
    return found


def _in_table(connection: duckdb.DuckDBPyConnection, table: str, person: Person, where: str) -> list[str]:
    columns = [row[0] for row in connection.execute(f"describe select * from {table}").fetchall()]
    texts = " or ".join(
        f"contains(\"{c}\"::varchar, '{needle}')" for c in columns for needle in (person.key, person.hash)
    )
    if "contacts" in table:
        texts += f" or record_id = '{person.id}' or contains(record::varchar, '\"{person.id}\"')"
    (count,) = connection.execute(f"select count(*) from {table} where {texts}").fetchone()
    return [f"{where}: {count} rows"] if count else []


def test_somebody_unknown_is_2_and_leaves_no_list(place: Place, funnel: Funnel, person: Person) -> None:
    for who in ("nobody@example.com", "hubspot:99999999", "Jane"):
        code, found = funnel("forget", who)
        assert code == 2
        assert "hubspot:5001" in found["message"]
    assert funnel("forget")[0] == 2
    assert not (place.home.root / "forgotten.json").exists()


def test_dry_run_of_forget_counts_and_changes_nothing(place: Place, funnel: Funnel, person: Person) -> None:
    (place.home.logs / "funnel.log").open("a").write(f"odd: {person.key} has {person.hash}\n")
    before = traces(place.home, person)
    assert len(before) > 10
    code, found = funnel("forget", person.key, "--dry-run")
    assert (code, found["outcome"], found["ids"]) == (0, "planned", 1)
    assert found["landing"]["hubspot/contacts"] >= 1
    assert found["landing"]["hubspot/deal_contacts"] >= 1
    for rows in found["publications"].values():
        assert rows["marts.dim_leads"] == 1
        assert rows["marts.fct_lead_transitions"] >= 1
        assert rows["marts.dim_deals"] >= 1
    assert "logs/funnel.log" in found["files"]
    assert person.hash not in json.dumps(found)
    assert traces(place.home, person) == before
    assert not (place.home.root / "forgotten.json").exists()


def test_forget_leaves_no_trace(place: Place, funnel: Funnel, person: Person) -> None:
    ids = sorted(path.name for path in (place.home.published / "releases").iterdir())
    before = current(place)
    old = {name: rows(place, name) for name in ids}
    code, found = funnel("forget", person.key)
    assert (code, found["outcome"]) == (0, "forgotten"), found["message"]
    assert traces(place.home, person) == []
    assert current(place) == before
    for name in ids:
        manifest = check_whole(place.home, name)  # every file has the hash of its manifest
        assert manifest["forgotten"][0]["rows"]["marts.dim_leads"] == 1
        leads, deals, without_lead = rows(place, name)
        assert (leads, deals) == (old[name][0] - 1, old[name][1])
        assert without_lead > old[name][2]
        assert manifest["tables"]["marts.dim_leads"]["rows"] == leads
    listed = (place.home.root / "forgotten.json").read_text()
    assert person.hash not in listed
    assert not json.loads(listed)["unfinished"]


def test_release_lets_the_next_run_move_on_without_the_forgotten(place: Place, funnel: Funnel, person: Person) -> None:
    before = current(place)
    (place.home.root / "funnel.yml").unlink()
    with place.world.lock:  # the CRM still has them, and somebody edits them
        place.world.write("contacts", int(person.id), {"lifecyclestage": "customer"})
        place.world.advance(1)
    assert funnel("release")[0] == 0
    code, done = funnel("run", "--as-of", iso(place.world.now))
    assert (code, done["outcome"]) == (0, "published"), done["message"]
    assert (current(place), funnel("status")[1]["hold"]) == (done["publication"], None)
    found = funnel("diff", before, "current", "--table", "dim_stages")[1]
    assert not any("stage_category" in table["changed_columns"] for table in found["tables"])
    assert traces(place.home, person) == []
    with warehouse.connect(place.home.warehouse, read_only=True) as connection:
        left_out = """select at_source_live - landed_live, unexplained from meta.source_reconciliation
                      where stream = 'contacts' and run_id = (select run_id from meta.run_clock)"""
        assert connection.execute(left_out).fetchone() == (0, 0)
    code, planned = funnel("forget", person.key, "--dry-run")  # known by the list alone
    assert (code, planned["landing"], planned["publications"]) == (0, {}, {})


def rows(place: Place, name: str) -> tuple[int, int, int]:
    """(leads, deals, deals without a lead) of a release."""
    file = place.home.published / "releases" / name / "funnel.duckdb"
    with duckdb.connect(str(file), read_only=True) as connection:
        (leads,) = connection.execute("select count(*) from marts.dim_leads").fetchone()
        return leads, *connection.execute("select count(*), count(*) - count(lead_key) from marts.dim_deals").fetchone()

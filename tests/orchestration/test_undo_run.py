"""Undo and compare over the real thing: a changed configuration is seen, undone, redone; a person is forgotten.

The tests share one home and build on one another, in order: a run costs seconds.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import pytest
import zstandard

from ingestion.sandbox.model import iso
from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from orchestration import cli, warehouse
from orchestration.home import Home
from orchestration.rollback import check_whole

Funnel = Callable[..., tuple[int, dict[str, Any]]]
TO_VOID = "stages:\n  hubspot:\n    default: {closedlost: void}\n"


@dataclass
class Place:
    home: Home
    world: World


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    before, root = dict(os.environ), tmp_path_factory.mktemp("undo") / "home"
    with Sandbox(World(seed=5, deals=150, now="2026-06-30T20:00:00Z"), rate=None, search_rate=None) as sandbox:
        for name in [name for name in os.environ if name.startswith(("HUBSPOT", "FUNNEL", "DAGSTER"))]:
            del os.environ[name]
        os.environ |= {
            "FUNNEL_HOME": str(root), "HUBSPOT_ACCESS_TOKEN": "sandbox-token", "HUBSPOT_API_BASE": sandbox.url,
        }  # fmt: skip
        yield Place(Home(root), sandbox.world)
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def funnel(place: Place, capsys: pytest.CaptureFixture[str]) -> Funnel:
    """(exit code, JSON answer) of a command."""

    def call(*arguments: str) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        code = cli.main([*arguments, "--json"])
        (line,) = capsys.readouterr().out.strip().splitlines()
        return code, json.loads(line)

    return call


@pytest.fixture(scope="module")
def ran(place: Place) -> None:
    """A full run."""
    assert cli.main(["run", "--as-of", iso(place.world.now), "--json"]) == 0


def current(place: Place) -> str:
    return (place.home.published / "current").readlink().name


@pytest.mark.usefixtures("ran")
def test_every_published_table_has_a_key_that_is_one(place: Place) -> None:
    file = (place.home.published / "current").resolve() / "funnel.duckdb"
    with duckdb.connect(str(file), read_only=True) as connection:
        rows = connection.execute(
            """select t.schema_name || '.' || t.table_name, g.key_columns from duckdb_tables() t
               left join meta.table_guide g using (schema_name, table_name)"""
        ).fetchall()
        assert len(rows) >= 21
        for table, key in rows:
            assert key, f"{table} has no key in dbt_project/models/meta/table_guide.sql"
            names = ", ".join(f'"{name.strip()}"' for name in key.split(","))
            repeated = connection.execute(f"select {names} from {table} group by all having count(*) > 1").fetchall()
            assert repeated == [], table


@pytest.mark.usefixtures("ran")
def test_changed_category_is_seen_before_publishing_undone_and_published_after_release(
    place: Place, funnel: Funnel
) -> None:
    before = current(place)
    (place.home.root / "funnel.yml").write_text(TO_VOID)
    code, found = funnel("diff", "current", "warehouse", "--build", "--limit", "1000")
    assert (code, found["equal"]) == (0, False)
    tables = {table["table"]: table for table in found["tables"]}
    stage = tables["marts.dim_stages"]
    assert (stage["changed"], stage["rows"][0]["key"]) == (1, {"stage_key": "hubspot:default:closedlost"})
    assert stage["rows"][0]["columns"]["stage_category"] == ["lost", "void"]
    assert tables["marts.dim_deals"]["changed_columns"]["outcome"] > 0
    assert (tables["marts.dim_deals"]["added"], tables["marts.dim_deals"]["removed"]) == (0, 0)
    figures = tables["marts.mart_sales_kpis_monthly"]["figures"]
    lost = {(f["month"], f["pipeline_key"]): f["old"] - f["new"] for f in figures if f["column"] == "lost_count"}
    void = {(f["month"], f["pipeline_key"]): f["new"] - f["old"] for f in figures if f["column"] == "void_count"}
    assert lost == void
    assert sum(n for (_, key), n in lost.items() if key == "all") > 0
    assert current(place) == before

    code, done = funnel("publish")
    assert (code, done["outcome"]) == (0, "published"), done["message"]
    assert current(place) != before
    found = funnel("diff", "previous", "current", "--table", "dim_stages")[1]
    assert found["tables"][0]["rows"][0]["columns"]["stage_category"] == ["lost", "void"]

    code, done = funnel("rollback", "--why", "closed lost is lost")
    assert (code, done["publication"], current(place)) == (0, before, before)
    with place.world.lock:
        place.world.advance(1)
    code, done = funnel("run", "--as-of", iso(place.world.now))
    assert (code, done["outcome"], current(place)) == (0, "held", before)
    assert "publishing is held" in done["message"]
    assert funnel("status")[1]["hold"]["why"] == "closed lost is lost"
    assert (place.home.published / "releases" / done["publication"]).is_dir()
    assert len(list((place.home.published / "releases").iterdir())) == 3


@dataclass
class Person:
    """Somebody with a deal, as the marts call them."""

    key: str
    hash: str

    @property
    def id(self) -> str:
        return self.key.split(":")[1]


@pytest.fixture(scope="module")
def person(place: Place, ran: None) -> Person:
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
                      where object = 'contacts'"""
        assert connection.execute(left_out).fetchone() == (0, 0)
    code, planned = funnel("forget", person.key, "--dry-run")  # known by the list alone
    assert (code, planned["landing"], planned["publications"]) == (0, {}, {})


def rows(place: Place, name: str) -> tuple[int, int, int]:
    """(leads, deals, deals without a lead) of a release."""
    file = place.home.published / "releases" / name / "funnel.duckdb"
    with duckdb.connect(str(file), read_only=True) as connection:
        (leads,) = connection.execute("select count(*) from marts.dim_leads").fetchone()
        return leads, *connection.execute("select count(*), count(*) - count(lead_key) from marts.dim_deals").fetchone()

"""The product as its user has it, one process a command, over a home of its own; and what its tables must equal."""

from __future__ import annotations

import hashlib
import json
import os
import pprint
import shutil
import subprocess
import sys
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import orjson
import yaml

from ingestion.sandbox import truth
from ingestion.sandbox.model import iso
from ingestion.sandbox.options import TOKEN
from ingestion.sandbox.world import World
from orchestration.dbt_build import PROJECT
from orchestration.demo_proof import TABLES

LONGEST = 300
PII_KEY = "key-of-the-e2e-tests"
WHEN_READ = ("first_landed_at", "recorded_at")
"""Columns that tell when we read something: two homes that read the same world at different times differ in them."""


@dataclass(frozen=True)
class Done:
    """How a command ended. `outcome` is its JSON answer."""

    code: int
    outcome: dict[str, Any]
    text: str

    @property
    def message(self) -> str:
        return str(self.outcome.get("message", self.text))


@dataclass
class Product:
    """`funnel` over one home and one source."""

    home: Path
    url: str
    env: dict[str, str] = field(default_factory=dict)

    @property
    def current(self) -> Path:
        return self.home / "published" / "current"

    @property
    def published(self) -> Path:
        """The database that `current` names at this moment."""
        return (self.current / "funnel.duckdb").resolve()

    @property
    def warehouse(self) -> Path:
        return self.home / "warehouse.duckdb"

    def environment(self) -> dict[str, str]:
        """Without a word of the developer's own portal."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("HUBSPOT", "FUNNEL", "DAGSTER"))}
        return clean | {
            "FUNNEL_HOME": str(self.home), "FUNNEL_PII_KEY": PII_KEY, "HUBSPOT_ACCESS_TOKEN": TOKEN,
            "HUBSPOT_API_BASE": self.url, **self.env,
        }  # fmt: skip

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A command in a process of its own, not waited for."""
        self.home.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "orchestration.cli", *arguments, "--json"]
        return subprocess.Popen(
            command, env=self.environment(), cwd=self.home, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def run(self, *arguments: str) -> Done:
        """`funnel run` to its end."""
        return ended(self.start("run", *arguments))

    def copy(self, to: Path) -> Product:
        """The same in another folder, as it stands."""
        shutil.copytree(self.home, to, symlinks=True)
        as_parsed_there(self.home, to)
        return Product(to, self.url, dict(self.env))


def as_parsed_there(home: Path, copy: Path) -> None:
    """Spare a copied home dbt's whole parse (seven seconds): dbt keeps hashes of what it parsed for,
    FUNNEL_HOME and the warehouse's path. Errors: AssertionError where dbt keeps other hashes than these.
    """
    from dbt.adapters.duckdb.credentials import DuckDBCredentials

    def hashes(root: Path) -> list[bytes]:
        profile = yaml.safe_load((PROJECT / "profiles.yml").read_text(encoding="utf-8"))
        given = profile["funnel"]["outputs"]["local"] | {"path": f"{root}/warehouse.duckdb"}
        given["settings"] = given["settings"] | {"memory_limit": os.environ.get("FUNNEL_MEMORY_LIMIT", "80%")}
        connection = pprint.pformat(sorted(DuckDBCredentials.from_dict(given).connection_info()))
        return [hashlib.sha256(text.encode()).hexdigest().encode() for text in (f"FUNNEL_HOME:{root}|", connection)]

    kept = copy / "target" / "partial_parse.msgpack"
    content = kept.read_bytes()
    for old, new in zip(hashes(home), hashes(copy), strict=True):
        assert content.count(old) == 1, f"{home} was not what dbt was parsed for"
        content = content.replace(old, new)
    kept.write_bytes(content)


def ended(process: subprocess.Popen[str], longest: int = LONGEST) -> Done:
    """Wait for a started command, so many seconds at most."""
    try:
        out, err = process.communicate(timeout=longest)
    finally:
        process.kill()
    lines = out.strip().splitlines()
    return Done(process.returncode, json.loads(lines[-1]) if lines else {}, out + err)


def differences(database: Path, world: World, folder: Path, **asked: str) -> dict[str, list[tuple[Any, ...]]]:
    """{mart: rows that only the world's truth or only we have, some of each}; empty lists where all agree.

    `asked`: of the truth (its as_of); a `source` leaves the rows of other connections out.
    """
    found = {}
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"attach '{database}' as published (read_only)")
        for table, (mart, columns) in TABLES.items():
            path = folder / f"{table}.ndjson"
            with world.lock:
                rows = list(truth.rows(world, table, **asked))
            path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
            theirs = f"""select {columns} from read_json('{path}', format = 'newline_delimited', sample_size = -1,
                         maximum_object_size = 33554432)"""
            whose = f"where starts_with(deal_key, '{asked['source']}:')" if "source" in asked else ""
            ours = f"select {columns} from published.marts.{mart} {whose}"
            found[mart] = _apart(connection, theirs, ours, "truth", "funnel")
            [(count,)] = connection.execute(f"select count(*) from ({theirs})").fetchall()
            assert count == len(rows) > 50, f"{mart}: hardly anything was compared"
    return found


def unequal(one: Path, other: Path, without: Collection[str] = ()) -> dict[str, list[tuple[Any, ...]]]:
    """{mart: rows that only one of two databases has}, of the marts where there are any; every table, both ways.

    `without`: names of columns not looked at.
    """
    found: dict[str, list[tuple[Any, ...]]] = {}
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        for name, path in (("one", one), ("other", other)):
            connection.execute(f"attach '{path}' as {name} (read_only)")
        tables = [
            [row[0] for row in connection.execute(
                "select table_name from duckdb_tables() where database_name = ? and schema_name = 'marts' order by 1",
                [name]).fetchall()]
            for name in ("one", "other")
        ]  # fmt: skip
        assert tables[0] == tables[1]
        assert len(tables[0]) >= 14
        for table in tables[0]:
            names = connection.execute(f"describe one.marts.{table}").fetchall()
            columns = ", ".join(f'"{row[0]}"' for row in names if row[0] not in without)
            ours, theirs = (f"select {columns} from {side}.marts.{table}" for side in ("one", "other"))
            rows = _apart(connection, ours, theirs, "one", "other")
            if rows:
                found[table] = rows
    return found


def moment(world: World) -> str:
    """The world's now, as `--as-of` takes it."""
    return iso(world.now)


def _apart(connection: duckdb.DuckDBPyConnection, one: str, other: str, *names: str) -> list[tuple[Any, ...]]:
    """At most a few rows of each side that the other lacks, with the side's name in front."""
    return [
        (name, *row)
        for name, this, that in ((names[0], one, other), (names[1], other, one))
        for row in connection.execute(f"(select * from ({this}) except all select * from ({that})) limit 5").fetchall()
    ]

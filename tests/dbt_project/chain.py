"""The path from raw JSON to visits as plain SQL: compiled by dbt once, run in an in-memory DuckDB as often as needed.

Starting dbt costs seconds, a query milliseconds: property tests put all their cases into one batch and run the chain.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path

import duckdb
from raw import make_tables

# In order: each needs only those before it.
CHAIN = (
    "stg_hubspot__deal_versions",
    "stg_hubspot__deals",
    "stg_hubspot__deal_merges",
    "stg_hubspot__deal_events",
    "stg_hubspot__pipelines",
    "stg_hubspot__stages",
    "int_deals",
    "int_deal_events",
    "int_deal_states",
    "int_stage_pipelines",
    "int_stage_visits",
    "int_stage_listings",
    "int_stage_versions",
    "int_stages",
    "int_merges",
    "int_deal_deletions",
    "fct_deal_events",
    "fct_stage_transitions",
)


class Chain:
    """Compiled models over one in-memory warehouse; `run()` computes them anew from what raw holds."""

    def __init__(self, compiled: dict[str, str]):
        self.compiled = compiled
        self.con = duckdb.connect()
        self.con.execute("attach ':memory:' as warehouse; use warehouse; set TimeZone = 'UTC'; set threads = 1")
        self.con.execute("create schema staging; create schema intermediate; create schema marts")
        make_tables(self.con)
        self.con.execute(
            "create table staging.stage_map (source varchar, pipeline_id varchar, stage_id varchar, "
            "stage_category varchar, valid_from date, valid_to date)"
        )

    def clear(self) -> None:
        """Empties raw and its bookkeeping; the clock stays."""
        names = self.con.execute(
            "select schema_name || '.' || table_name from duckdb_tables() where schema_name = 'raw'"
        ).fetchall()
        for (name,) in names:
            self.con.execute(f"truncate {name}")

    def run(self, upto: str = CHAIN[-1]) -> None:
        self.build(CHAIN[: CHAIN.index(upto) + 1])

    def build(self, models: Iterable[str]) -> None:
        """Compute these models, each after those it needs."""
        for model in models:
            schema = {"stg": "staging", "int": "intermediate"}.get(model[:3], "marts")
            create(self.con, f"{schema}.{model}", self.compiled[model])

    def rows(self, query: str) -> list[tuple]:
        return self.con.execute(query).fetchall()


def read_compiled(target: Path) -> dict[str, str]:
    """{model or test name: SQL, of Python models Python} out of dbt's target directory after `dbt compile` or
    `dbt build`."""
    root = target / "compiled" / "funnel"
    return {
        path.stem: re.sub(r";\s*$", "", path.read_text())
        for path in root.rglob("*.*")
        if path.suffix in (".sql", ".py") and not path.parent.name.endswith(".yml")
    }


def create(con: duckdb.DuckDBPyConnection, table: str, code: str) -> None:
    """A model's table out of what dbt compiled; a Python model is run as dbt-duckdb runs it."""
    if "def model(" not in code:
        con.execute(f"create or replace table {table} as {code}")
        return
    names: dict = {}
    exec(code, names)
    frame = names["model"](names["dbtObj"](lambda relation: con.query(f"from {relation}")), con)  # noqa: F841 by name
    con.execute(f"create or replace table {table} as from frame")


def ancestors(target: Path, *models: str) -> list[str]:
    """These models and all they are made from, in order; seeds and sources apart."""
    nodes = json.loads((target / "manifest.json").read_text())["nodes"]
    order: dict[str, None] = {}

    def visit(key: str) -> None:
        if key.startswith("model.") and key not in order:
            for parent in nodes[key]["depends_on"]["nodes"]:
                visit(parent)
            order[key] = None

    for model in models:
        visit(f"model.funnel.{model}")
    return [nodes[key]["name"] for key in order]

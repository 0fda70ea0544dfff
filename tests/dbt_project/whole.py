"""Every model, compiled by dbt once, run in the order of inputs in an in-memory DuckDB: a warehouse in seconds."""

import json
from pathlib import Path

import duckdb
from chain import create
from raw import make_tables


def build(compiled: dict[str, str], target: Path, fill, as_of: str) -> duckdb.DuckDBPyConnection:
    """A warehouse with every model over what `fill(con)` lands. `target`: where dbt left its manifest."""
    con = duckdb.connect()
    con.execute("attach ':memory:' as warehouse; use warehouse; set TimeZone = 'UTC'")
    con.execute("create schema staging; create schema intermediate; create schema marts")
    make_tables(con, as_of)
    con.execute(
        "create table staging.stage_map (source varchar, pipeline_id varchar, stage_id varchar, "
        "stage_category varchar, valid_from date, valid_to date)"
    )
    fill(con)
    manifest = json.loads((target / "manifest.json").read_text())
    models = {name: node for name, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    done: set[str] = set()

    def run(name: str) -> None:
        if name in done or name not in models:
            return
        for parent in models[name]["depends_on"]["nodes"]:
            run(parent)
        node = models[name]
        create(con, f"{node['schema']}.{node['name']}", compiled[node["name"]])
        done.add(name)

    for name in models:
        run(name)
    return con


def records(con: duckdb.DuckDBPyConnection, table: str) -> list[dict]:
    """All rows of a table as dicts."""
    cursor = con.execute(f"from {table}")
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

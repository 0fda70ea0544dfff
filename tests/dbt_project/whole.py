"""Every model, compiled by dbt once, run in the order of inputs in an in-memory DuckDB: a warehouse in seconds."""

import json
from pathlib import Path

import duckdb
import pandas
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
        if node["language"] == "python":
            frame = _python(con, target / "compiled" / "funnel" / node["original_file_path"])  # noqa: F841 read by DuckDB
            con.execute(f"create table {node['schema']}.{node['name']} as from frame")
        else:
            con.execute(f"create table {node['schema']}.{node['name']} as {compiled[node['name']]}")
        done.add(name)

    for name in models:
        run(name)
    return con


def _python(con: duckdb.DuckDBPyConnection, path: Path) -> pandas.DataFrame:
    """What a Python model returns, run as dbt-duckdb runs it: from the file that dbt compiled."""
    names: dict = {}
    exec(path.read_text(), names)
    return names["model"](names["dbtObj"](lambda relation: con.query(f"from {relation}")), con)


def records(con: duckdb.DuckDBPyConnection, table: str) -> list[dict]:
    """All rows of a table as dicts."""
    cursor = con.execute(f"from {table}")
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

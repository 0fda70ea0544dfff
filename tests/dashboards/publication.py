"""Publications made by hand: every published table with the columns of its dbt contract, and the rows a test gives."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import yaml

MODELS = Path(__file__).resolve().parents[2] / "dbt_project" / "models" / "marts"
META = {
    "check_results": "kind varchar, status varchar",
    "table_guide": "schema_name varchar, table_name varchar, grain varchar, key_columns varchar, notes varchar",
    "source_reconciliation": """source varchar, stream varchar, run_started_at timestamptz, at_source_live bigint,
        landed_live bigint, in_mart bigint, rejected bigint, unexplained bigint""",
}
AS_OF = "2026-06-15T10:00:00+00:00"
MONTHS = "2026-06-01"


def contracts() -> dict[str, dict[str, str]]:
    """{table: {column: type}} of every published mart."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted(MODELS.rglob("*.yml")):
        for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", []):
            found[model["name"]] = {c["name"]: c["data_type"] for c in model["columns"] if "data_type" in c}
    return {name: columns for name, columns in found.items() if columns}


@cache
def _empty() -> bytes:
    """The published file without rows; made once, for sixty tables take half a second."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "funnel.duckdb"
        with duckdb.connect(str(file)) as connection:
            connection.execute("create schema marts; create schema meta")
            for table, columns in contracts().items():
                shape = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
                connection.execute(f"create table marts.{table} ({shape})")
            for table, shape in META.items():
                connection.execute(f"create table meta.{table} ({shape})")
        return file.read_bytes()


def publish(folder: Path, rows: Mapping[str, list[dict[str, Any]]] | None = None, **more: Any) -> Path:
    """A publication with these rows; a column that a row does not name is null."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "funnel.duckdb").write_bytes(_empty())
    with duckdb.connect(str(folder / "funnel.duckdb")) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for table, given in (rows or {}).items():
            for row in given:
                names = ", ".join(f'"{name}"' for name in row)
                marks = ", ".join("?" for _ in row)
                connection.execute(f"insert into marts.{table} ({names}) values ({marks})", list(row.values()))
    size = (folder / "funnel.duckdb").stat().st_size
    manifest = {
        "id": "20260615T100000Z-1a2b3c4d",
        "as_of": AS_OF,
        "finished": AS_OF,
        "code_version": "0.1.0",
        "reporting": {"timezone": "Europe/Berlin", "currency": "EUR"},
        "sources": {},
        "checks": [{"check": "c", "table": "t", "status": "pass", "kind": "dbt"}],
        "warnings": [],
        "tables": {"marts.dim_deals": {"rows": 0}},
        "files": {"funnel.duckdb": {"bytes": size}},
    } | more
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder

"""BI tools bring DuckDB clients of their own, older than ours: each reads every published table (`make test-bi`)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

pytestmark = pytest.mark.skipif(not os.environ.get("FUNNEL_BI"), reason="long: make test-bi")
READ = """
import duckdb, json, sys
found = {}
with duckdb.connect(sys.argv[1], read_only=True) as connection:
    connection.execute("set TimeZone = 'UTC'")
    names = connection.execute(
        "select table_schema, table_name from information_schema.tables order by all").fetchall()
    for schema, name in names:
        columns = connection.execute("select column_name, data_type from information_schema.columns "
                                     "where table_schema = ? and table_name = ?", [schema, name]).fetchall()
        told = ", ".join("coalesce(" + (f'len(array_to_string("{c}", chr(9)))' if t.endswith("[]") else
                                        f'cardinality("{c}")' if t.startswith("MAP") else f'"{c}"')
                         + "::varchar, chr(0))" for c, t in columns)
        found[f"{schema}.{name}"] = connection.execute(
            f"select count(*), md5(string_agg(t, chr(10) order by t)) from "
            f"(select concat_ws('|', {told}) as t from {schema}.{name})").fetchone()
print(json.dumps([duckdb.__version__, found]))
"""


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real publication: the one that FUNNEL_BI names, or a small demo's."""
    given = Path(os.environ["FUNNEL_BI"])
    if not (given / "manifest.json").exists():
        folder = tmp_path_factory.mktemp("old")
        command = [sys.executable, "-m", "orchestration.cli", "demo", "--deals", "150"]
        subprocess.run(command, env={**os.environ, "FUNNEL_HOME": str(folder)}, check=True, capture_output=True)
        given = folder / "demo" / "published" / "current"
    return (given / "funnel.duckdb").resolve()


@pytest.mark.parametrize("version", ["1.1.3", "1.4.4"])
def test_an_older_client_reads_the_same(database: Path, tmp_path: Path, version: str) -> None:
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    got = subprocess.run(
        [python, "-m", "pip", "install", "-q", "--only-binary", ":all:", f"duckdb=={version}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if got.returncode:
        pytest.skip(f"DuckDB {version} cannot be had here: {got.stderr.strip().splitlines()[-1:]}")
    told = [
        json.loads(subprocess.run([each, "-c", READ, database], capture_output=True, text=True, check=True).stdout)
        for each in (python, sys.executable)
    ]
    assert told[0][0] == version
    assert told[1][0] == duckdb.__version__
    counts = [{table: rows[0] for table, rows in found.items()} for _, found in told]
    assert counts[0] == counts[1]
    assert counts[0]["marts.dim_deals"] > 100
    assert [table for table, rows in told[0][1].items() if rows != told[1][1][table]] == [], "values read otherwise"

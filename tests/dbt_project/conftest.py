"""One dbt process for all tests of the project: models are compiled and built once a session."""

import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from chain import Chain, read_compiled
from raw import make_warehouse

PROJECT = Path(__file__).parents[2] / "dbt_project"
SAMPLES = Path(__file__).parents[3] / "shared" / "contracts" / "hubspot" / "samples"


class Dbt:
    """dbt in this process. A warehouse is moved to one and the same place for each call, because another FUNNEL_HOME
    would make dbt parse the whole project again; and its connection, which dbt keeps, is closed afterwards."""

    def __init__(self, root: Path):
        from dbt.cli.main import dbtRunner

        self.home, self.target = root / "home", root / "target"
        self.home.mkdir()
        self.runner = dbtRunner()

    def __call__(self, warehouse: Path, *arguments: str) -> list:
        """Runs dbt on this DuckDB file; returns the node results. Fails the test when a node fails."""
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager

        before = os.environ.get("FUNNEL_HOME")
        os.environ["FUNNEL_HOME"] = str(self.home)
        shutil.move(warehouse, self.home / "warehouse.duckdb")
        try:
            outcome = self.runner.invoke(
                [
                    *arguments,
                    *("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--quiet"),
                    *("--target-path", str(self.target), "--log-path", str(self.target / "logs")),
                ]
            )
        finally:
            if DuckDBConnectionManager._ENV is not None:
                DuckDBConnectionManager._ENV.close()
                DuckDBConnectionManager.close_all_connections()
            shutil.move(self.home / "warehouse.duckdb", warehouse)
            os.environ.pop("FUNNEL_HOME") if before is None else os.environ.update(FUNNEL_HOME=before)
        if outcome.exception is not None:
            raise outcome.exception
        failed = [f"{r.node.name}: {r.message}" for r in outcome.result if str(r.status) in ("error", "fail")]
        assert not failed, "\n".join(failed)
        return list(outcome.result)


@pytest.fixture(scope="session")
def dbt(tmp_path_factory) -> Dbt:
    return Dbt(tmp_path_factory.mktemp("dbt"))


@pytest.fixture(scope="session")
def compiled(dbt, tmp_path_factory) -> dict[str, str]:
    """{model: SQL} of a full build (nothing exists yet, so that incremental models compile to all of it)."""
    warehouse = tmp_path_factory.mktemp("empty") / "empty.duckdb"
    make_warehouse(warehouse).close()
    dbt(warehouse, "compile")
    return read_compiled(dbt.target)


@pytest.fixture(scope="session")
def shared_chain(compiled) -> Chain:
    return Chain(compiled)


@pytest.fixture
def chain(shared_chain) -> Chain:
    """The compiled models over empty raw tables."""
    shared_chain.clear()
    return shared_chain

"""One dbt process for all tests of the project: models are compiled and built once a session."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from chain import Chain, read_compiled
from raw import make_warehouse

PROJECT = Path(__file__).parents[2] / "dbt_project"
SAMPLES = Path(__file__).parents[3] / "shared" / "contracts" / "hubspot" / "samples"


class Dbt:
    """dbt in this process. Every call names its FUNNEL_HOME; the parsed project is shared by all calls."""

    def __init__(self, target: Path):
        from dbt.cli.main import dbtRunner

        self.target = target
        self.runner = dbtRunner()

    def __call__(self, home: Path, *arguments: str) -> list:
        """Runs dbt on `home`/warehouse.duckdb; returns the node results. Fails the test when a node fails."""
        before = os.environ.get("FUNNEL_HOME")
        os.environ["FUNNEL_HOME"] = str(home)
        try:
            outcome = self.runner.invoke(
                [*arguments, "--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--quiet"]
                + ["--target-path", str(self.target), "--log-path", str(self.target / "logs")]
            )
        finally:
            os.environ.pop("FUNNEL_HOME") if before is None else os.environ.update(FUNNEL_HOME=before)
        if outcome.exception is not None:
            raise outcome.exception
        failed = [f"{r.node.name}: {r.message}" for r in outcome.result if str(r.status) in ("error", "fail")]
        assert not failed, "\n".join(failed)
        return list(outcome.result)


@pytest.fixture(scope="session")
def dbt(tmp_path_factory) -> Dbt:
    return Dbt(tmp_path_factory.mktemp("target"))


@pytest.fixture(scope="session")
def compiled(dbt, tmp_path_factory) -> dict[str, str]:
    """{model: SQL} of a full build (nothing exists yet, so that incremental models compile to all of it)."""
    home = tmp_path_factory.mktemp("empty")
    make_warehouse(home / "warehouse.duckdb").close()
    dbt(home, "compile")
    return read_compiled(dbt.target)


@pytest.fixture(scope="session")
def shared_chain(compiled) -> Chain:
    return Chain(compiled)


@pytest.fixture
def chain(shared_chain) -> Chain:
    """The compiled models over empty raw tables."""
    shared_chain.clear()
    return shared_chain

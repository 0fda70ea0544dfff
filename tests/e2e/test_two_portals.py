"""Two portals whose records have the same ids and other lives: neither colours the other.

Here read, loaded and built as far as is asked for; by whole runs, of which one may fail alone: tests/soak/
test_one_portal_down.py (from the first run on: tests/orchestration/test_run.py).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from ingestion.sandbox.options import TOKEN
from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from ingestion.settings import load_settings
from orchestration import dbt_build
from orchestration.home import Home
from orchestration.session import Request, Session
from tests.e2e.product import Product, differences, moment

SEED, DEALS, NOW = 7, 60, "2026-06-30T20:00:00Z"
NAMES = ("hubspot", "emea")
NOTHING: dict[str, list[object]] = {"dim_deals": [], "fct_stage_transitions": [], "fct_pipeline_month_end": []}
"""What differs where nothing does."""


@dataclass
class Two:
    sandboxes: tuple[Sandbox, Sandbox]
    product: Product
    folder: Path

    def apart(self, database: Path) -> dict[str, dict[str, list[tuple[object, ...]]]]:
        """{source: {mart: rows that differ from that portal's truth}}"""
        return {
            name: differences(database, sandbox.world, self.folder, source=name)
            for name, sandbox in zip(NAMES, self.sandboxes, strict=True)
        }


def other_lives(world: World) -> World:
    """The same records with doubled amounts, and with the last move of every second deal still to come."""
    for number, deal in enumerate(world.records("deals")):
        deal.log = [c._replace(value=f"{float(c.value) * 2:.2f}") if c.name == "amount" and c.value else c
                    for c in deal.log]  # fmt: skip
        moves = [change for change in deal.log if change.name == "dealstage"]
        if number % 2 and len(moves) > 2 and not any(change.name == "pipeline" for change in deal.log[1:]):
            deal.log.remove(moves[-1])
    return world


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    folder = tmp_path_factory.mktemp("portals")
    worlds = World(seed=SEED, deals=DEALS, now=NOW), other_lives(World(seed=SEED, deals=DEALS, now=NOW, portal_id=99))
    with Sandbox(worlds[0], rate=None, search_rate=None) as one, Sandbox(worlds[1], rate=None, search_rate=None) as two:
        secret = folder / "token"
        secret.write_text(TOKEN + "\n")
        env = {"HUBSPOT__EMEA_ACCESS_TOKEN_FILE": str(secret), "HUBSPOT__EMEA_API_BASE": two.url}
        yield Two((one, two), Product(folder / "home", one.url, env), folder)


def test_each_is_its_own_truth(two: Two) -> None:
    first = two.sandboxes[0].world
    settings = load_settings(two.product.environment(), two.product.home)
    as_of = datetime.fromisoformat(moment(first))
    session = Session(Request(), settings, str(uuid.uuid4()), as_of, datetime.now(UTC))
    Home(settings.home).prepare()
    session.begin()
    assert [str(report.error) for report in session.extract("hubspot") if report.error] == []
    session.load()
    wanted = ("+dim_deals", "+fct_stage_transitions", "+fct_pipeline_month_end", "+dim_owners")
    kinds = (*dbt_build.LEFT_OUT, "--exclude-resource-type", "test")
    built = dbt_build.invoke(settings, "build", "--select", *wanted, *kinds)
    assert [r.node.name for r in built.result.results if str(r.status) != "success"] == []
    each_is_its_own_truth(two, session.path)


def each_is_its_own_truth(two: Two, database: Path) -> None:
    first, second = (sandbox.world for sandbox in two.sandboxes)
    assert set(first.objects["deals"]) == set(second.objects["deals"])
    assert two.apart(database) == dict.fromkeys(NAMES, NOTHING)
    with duckdb.connect(str(database), read_only=True) as connection:
        [(same, differ)] = connection.execute(
            """select count(*), count_if(a.amount is distinct from b.amount) from marts.dim_deals a
               join marts.dim_deals b using (source_deal_id) where a.source = 'hubspot' and b.source = 'emea'"""
        ).fetchall()
        owners = connection.execute("select source, count(*) from marts.dim_owners group by 1 order by 1").fetchall()
    assert same > 50
    assert differ > 30
    assert [name for name, _ in owners] == ["emea", "hubspot"]
    assert owners[0][1] == owners[1][1] > 5

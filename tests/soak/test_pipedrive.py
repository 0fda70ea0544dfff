"""A company on Pipedrive: every deal, every stay and every month end as the world has them, at first and two months
later.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from ingestion.sandbox import written_truth
from ingestion.sandbox.model import iso
from ingestion.sandbox.pipedrive_shapes import names
from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from tests.e2e.product import Product
from tests.ingestion.vendor_home import environment

STAYS = """select split_part(deal_key, ':', 2), replace(split_part(to_stage_key, ':', 3), '%3A', ':'),
    strftime(entered_at, '%Y-%m-%dT%H:%M:%S') from marts.fct_stage_transitions"""
DEALS = """select split_part(deal_key, ':', 2), replace(split_part(stage_key, ':', 3), '%3A', ':'),
    split_part(pipeline_key, ':', 2), cast(amount as varchar), currency, split_part(owner_key, ':', 2), outcome,
    is_deleted, strftime(created_at, '%Y-%m-%dT%H:%M:%S'), strftime(deleted_at, '%Y-%m-%dT%H:%M:%S')
    from marts.dim_deals"""
MONTH_ENDS = """select strftime(month_end, '%Y-%m-%d'), split_part(deal_key, ':', 2),
    replace(split_part(stage_key, ':', 3), '%3A', ':'), cast(amount as varchar) from marts.fct_pipeline_month_end"""


class OnPipedrive(Product):
    def environment(self) -> dict[str, str]:
        return {name: value for name, value in super().environment().items() if not name.startswith("HUBSPOT")}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, Product]]:
    world = World(seed=7, deals=300, now="2026-06-30T20:00:00Z")
    with Sandbox(world, rate=None, search_rate=None) as sandbox:
        home: Path = tmp_path_factory.mktemp("company") / "home"
        yield sandbox, OnPipedrive(home, sandbox.url, environment("pipedrive", sandbox))


@pytest.mark.parametrize("days", [0, 61])
def test_tables_equal_the_worlds(company: tuple[Sandbox, Product], days: int) -> None:
    sandbox, product = company
    world = sandbox.world
    if days:
        world.advance(days)
    as_of = iso(world.now)
    done = product.run("--as-of", as_of)
    assert done.code == 0, done.text
    given = {"names": names(world.catalog), "bin_days": sandbox.stand_ins["pipedrive"].bin_days}

    with duckdb.connect(str(product.published), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        stays, deals, month_ends = (set(connection.execute(sql).fetchall()) for sql in (STAYS, DEALS, MONTH_ENDS))
        urls = connection.execute("select source_url from marts.dim_deals order by deal_key limit 1").fetchall()

    wanted = {
        (r["deal_id"], r["stage"], r["entered_at"][:19])
        for r in written_truth.transitions(world, as_of=as_of, **given)
    }  # fmt: skip
    assert len(wanted) > 1_000
    assert stays == wanted

    assert deals == {
        (r["deal_id"], r["stage"], r["pipeline_id"], r["amount"], r["currency"], r["owner_id"], r["outcome"],
         r["is_deleted"], r["created_at"][:19], r["deleted_at"] and r["deleted_at"][:19])
        for r in written_truth.deals(world, as_of=as_of, **given)
    }  # fmt: skip

    assert month_ends == {
        (r["month_end"], r["deal_id"], r["stage"], r["amount"])
        for r in written_truth.month_ends(world, as_of=as_of, **given)
    }
    assert urls[0][0].startswith("https://acme.pipedrive.com/deal/")

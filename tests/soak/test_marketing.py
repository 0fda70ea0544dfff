"""All marketing sources at once beside HubSpot: what each spent, as its stand-in reckons it, is in the marts."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import duckdb

from ingestion.sandbox.model import iso
from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from tests.e2e.product import Product
from tests.ingestion.ad_place import CASES


def test_what_each_vendor_cost_is_in_the_marts(tmp_path: Path) -> None:
    world = World(seed=5, deals=60, now="2026-06-30T20:00:00Z")
    with Sandbox(world, rate=None, search_rate=None) as sandbox:
        env = {f"{c.vendor.upper()}_{name}": value for c in CASES for name, value in c.credentials.items()}
        env |= {f"{c.vendor.upper()}_API_BASE": f"{sandbox.url}/{c.vendor}" for c in CASES}
        product = Product(tmp_path / "home", sandbox.url, env)
        done = product.run("--as-of", iso(world.now))
        assert done.code == 0, done.text
        spend = {
            (case.vendor, *key): Decimal(micros) / 1_000_000
            for case in CASES
            for key, micros in sandbox.stand_ins[case.vendor].spend().items()
        }
    with duckdb.connect(str(product.published), read_only=True) as connection:
        told = connection.execute(
            """select source, strftime(date, '%Y-%m'), currency, sum(cost) from marts.fct_campaign_days
               group by all having sum(cost) > 0"""
        ).fetchall()
        nameless = connection.execute("select count(*) from marts.dim_campaigns where campaign_name is null").fetchone()
    assert {tuple(row[:3]): row[3] for row in told} == spend
    assert nameless == (0,)

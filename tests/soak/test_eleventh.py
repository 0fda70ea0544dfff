"""The made-up vendor of tests/eleventh in the marts: `funnel run` over a home that holds its folder."""

from __future__ import annotations

import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb

from ingestion.sandbox.model import iso
from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from tests.e2e.product import Product
from tests.eleventh.test_eleventh import VENDORS


def test_what_it_cost_is_in_the_marts(tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(VENDORS, home / "vendors")
    world = World(seed=5, deals=60, now="2026-06-30T20:00:00Z")
    with Sandbox(world, rate=None, search_rate=None, vendors=home / "vendors") as sandbox:
        env = {"BALLOON_KEY": "balloon-key", "BALLOON_API_BASE": f"{sandbox.url}/balloon"}
        product = Product(home, sandbox.url, env)
        done = product.run("--as-of", iso(world.now))
        assert done.code == 0, done.text
        flown = sandbox.stand_ins["balloon"].days(date(2026, 5, 1), date(2026, 5, 31))
    with duckdb.connect(str(product.published), read_only=True) as connection:
        told = connection.execute(
            """select spend, impressions, campaign_name from marts.mart_marketing_performance_monthly
               where channel = 'outdoor' and month = '2026-05-01' and attribution_model = 'linear'"""
        ).fetchall()
    assert told == [(Decimal("123.45") * len(flown), 1_000 * len(flown), "autumn")]

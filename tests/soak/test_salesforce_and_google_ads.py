"""A company on Salesforce that advertises with Google: every deal, every stay and every cent of spend as the world has
them, at first and two months later.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import duckdb
import pytest

from ingestion.sandbox import salesforce_truth
from ingestion.sandbox.google_ads import CREDENTIALS
from ingestion.sandbox.model import iso
from ingestion.sandbox.salesforce import CLIENT_ID, CLIENT_SECRET
from ingestion.sandbox.serve import SALESFORCE, Sandbox
from ingestion.sandbox.world import World
from tests.e2e.product import Product

STAYS = """select split_part(deal_key, ':', 2), split_part(to_stage_key, ':', 3),
    strftime(entered_at, '%Y-%m-%dT%H:%M:%S') from marts.fct_stage_transitions"""
DEALS = """select split_part(deal_key, ':', 2), split_part(stage_key, ':', 3), split_part(pipeline_key, ':', 2),
    cast(amount as varchar), split_part(owner_key, ':', 2), outcome, is_deleted,
    strftime(created_at, '%Y-%m-%dT%H:%M:%S') from marts.dim_deals"""
SPEND = """select strftime(date, '%Y-%m'), currency, sum(cost) from marts.fct_campaign_days group by 1, 2"""


class WithoutHubSpot(Product):
    def environment(self) -> dict[str, str]:
        return {name: value for name, value in super().environment().items() if not name.startswith("HUBSPOT")}


@dataclass
class Company:
    sandbox: Sandbox
    product: Product

    def query(self, sql: str) -> list[tuple]:
        with duckdb.connect(str(self.product.published), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    world = World(seed=7, deals=300, now="2026-06-30T20:00:00Z")
    with Sandbox(world, rate=None, search_rate=None) as sandbox:
        env = {f"GOOGLE_ADS_{name}": value for name, value in CREDENTIALS.items()} | {
            "SALESFORCE_INSTANCE_URL": "acme.my.salesforce.com", "SALESFORCE_CLIENT_ID": CLIENT_ID,
            "SALESFORCE_CLIENT_SECRET": CLIENT_SECRET, "SALESFORCE_API_BASE": sandbox.url + SALESFORCE,
            "GOOGLE_ADS_API_BASE": sandbox.url + "/google_ads",
        }  # fmt: skip
        yield Company(sandbox, WithoutHubSpot(tmp_path_factory.mktemp("company") / "home", sandbox.url, env))


@pytest.mark.parametrize("days", [0, 61])
def test_tables_equal_the_worlds(company: Company, days: int) -> None:
    world = company.sandbox.world
    if days:
        world.advance(days)
    as_of = iso(world.now)
    done = company.product.run("--as-of", as_of)
    assert done.code == 0, done.text

    stays = {
        (r["opportunity_id"], r["stage"], r["entered_at"][:19]) for r in salesforce_truth.transitions(world, as_of)
    }
    assert len(stays) > 1_000
    assert set(company.query(STAYS)) == stays

    deals = {
        (r["opportunity_id"], r["stage"], r["record_type_id"], r["amount"], r["owner_id"], r["outcome"],
         r["is_deleted"], r["created_at"][:19])
        for r in salesforce_truth.deals(world, as_of)
    }  # fmt: skip
    assert set(company.query(DEALS)) == deals

    spend = {
        key: Decimal(micros) / 1_000_000 for key, micros in company.sandbox.stand_ins["google_ads"].spend().items()
    }
    told = {(month, currency): cost for month, currency, cost in company.query(SPEND)}
    # the day at whose evening the run is, is in the vendor's figures and in the mart alike
    assert told == spend
    # a lead and a deal open in the CRM itself
    [(url,)] = company.query("select source_url from marts.dim_deals order by deal_key limit 1")
    assert url.startswith("https://acme.my.salesforce.com/006")

"""All marketing sources at once beside HubSpot: what each spent, as its stand-in reckons it, is in the marts."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb

from ingestion.sandbox import ga4, hubspot_marketing, mailchimp
from ingestion.sandbox.model import instant, iso
from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from tests.e2e.product import Product
from tests.ingestion.ad_place import CASES


def test_what_each_vendor_cost_is_in_the_marts(tmp_path: Path) -> None:
    world = World(seed=5, deals=60, now="2026-06-30T20:00:00Z")
    with Sandbox(world, rate=None, search_rate=None) as sandbox:
        env = {f"{c.vendor.upper()}_{name}": value for c in CASES for name, value in c.credentials.items()}
        env |= {f"{c.vendor.upper()}_API_BASE": f"{sandbox.url}/{c.vendor}" for c in CASES}
        others: dict[str, dict[str, str]] = {
            module.__name__.rpartition(".")[2].upper(): module.CREDENTIALS
            for module in (ga4, hubspot_marketing, mailchimp)
        }
        env |= {f"{name}_{key}": value for name, given in others.items() for key, value in given.items()}
        env |= {f"{name}_API_BASE": f"{sandbox.url}/{name.lower()}" for name in others}
        product = Product(tmp_path / "home", sandbox.url, env)
        done = product.run("--as-of", iso(world.now))
        assert done.code == 0, done.text
        spend = {
            (case.vendor, *key): Decimal(micros) / 1_000_000
            for case in CASES
            for key, micros in sandbox.stand_ins[case.vendor].spend().items()
        }
        analytics, mails = (
            sandbox.stand_ins["ga4"],
            [m for m in sandbox.stand_ins["mailchimp"].reports() if instant(m["send_time"]) < world.now],
        )
        sessions = sum(int(row["sessions"]) for row in analytics.rows(date(2024, 1, 1), analytics.today))
    with duckdb.connect(str(product.published), read_only=True) as connection:
        told = connection.execute(
            """select source, strftime(date, '%Y-%m'), currency, sum(cost) from marts.fct_campaign_days
               group by all having sum(cost) > 0"""
        ).fetchall()
        nameless = connection.execute("select count(*) from marts.dim_campaigns where campaign_name is null").fetchone()
        counted = connection.execute("select sum(sessions) from marts.fct_session_days").fetchone()
        sent = connection.execute(
            """select count(*), sum(emails_sent), sum(unsubscribed) from marts.fct_email_campaigns
               inner join marts.dim_campaigns using (campaign_key)
               where channel = 'email' and fct_email_campaigns.source = 'mailchimp'"""
        ).fetchone()
        formed = connection.execute(
            """select count(distinct touches.touch_at) from marts.bridge_deal_touches as touches
               inner join marts.dim_campaigns as campaigns on touches.campaign_key = campaigns.campaign_key
               where campaigns.campaign_name = 'retargeting' and touches.channel = 'paid_social'
                 and epoch_ms(touches.touch_at) in (select unnest(?))""",
            [[told["submittedAt"] for told in sandbox.stand_ins["hubspot_marketing"].submissions()]],
        ).fetchone()
    assert formed is not None
    assert formed[0] > 5  # forms that people of deals sent, hour by hour as they sent them
    assert counted == (sessions,)
    assert sent == (len(mails), sum(m["emails_sent"] for m in mails), sum(m["unsubscribed"] for m in mails))
    assert {tuple(row[:3]): row[3] for row in told} == spend
    assert nameless == (0,)

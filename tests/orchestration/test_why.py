"""`funnel explain` on a publication by hand: a closed month, restated since, deals, waivers, older publications."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from ingestion.settings import Settings
from orchestration import why, why_text
from orchestration.errors import WrongUse

TABLES = """
    create schema marts; create schema meta;
    create table marts.dim_pipelines as select 'h:p' as pipeline_key, 'Sales' as pipeline_name;
    create table marts.dim_teams as select * from (values ('h:1', 'Twins'), ('h:2', 'Twins')) t (team_key, team_name);
    create table marts.dim_owners as select 'h:o' as owner_key, 'Ada' as owner_name;
    create table marts.dim_owners_history as select 'h:o' as owner_key, 'h:1' as team_key,
        timestamptz '2020-01-01 00:00+00' as valid_from, null::timestamptz as valid_to;
    create table marts.dim_deals as select deal_key, 'Deal ' || deal_key as deal_name, amount, 'won' as outcome,
        false as is_deleted, 'https://crm/' || deal_key as source_url
        from (values ('h:1', 70.10), ('h:2', 0.05), ('h:3', 12.00)) t (deal_key, amount);
    create table marts.fct_won_revenue as select deal_key, 'h:p' as pipeline_key, 'h:o' as owner_key, 'h:1' as team_key,
        timestamptz '2026-06-05 10:00+00' as won_at, date '2026-06-01' as won_month, is_reversed,
        amount::decimal(18, 2) as amount_reporting
        from (values ('h:1', 70.10, false), ('h:2', 0.05, false), ('h:3', 12.00, true))
            t (deal_key, amount, is_reversed);
    create table marts.fct_deal_events as select 'h:1' as deal_key, timestamptz '2026-07-20 08:00+00' as recorded_at;
    create table marts.mart_sales_kpis_monthly as select date '2026-06-01' as month, true as is_complete_month;
    create table marts.actual_revenue_monthly as select date '2026-06-01' as month, 'all' as segment_type,
        'all' as segment, 82.10::decimal(18, 2) as won_amount_at_close_of_month,
        70.15::decimal(18, 2) as won_amount_now, -11.95::decimal(18, 2) as restated_amount;
    create table marts.forecast_restatements as select date '2026-06-01' as month, 'all' as segment_type,
        'all' as segment, cause, deal_key, amount::decimal(18, 2) as amount,
        timestamptz '2026-07-20 08:00+00' as detected_at
        from (values ('reopened', 'h:3', -12.00), ('late_close', 'h:2', 0.05)) t (cause, deal_key, amount);
    create table meta.frozen_vintages as select date '2026-06-30' as month_end, 1 as revision,
        '2026-06.parquet' as file, 'abc' as sha256, timestamptz '2026-07-10 00:00+00' as known_at,
        timestamptz '2026-07-10 12:00+00' as frozen_at, 'Ada' as frozen_by, false as is_late, 'm' as method_version,
        '1' as code_version, true as is_latest;
    create table meta.forecast_waivers as select date '2026-06-30' as month_end, 'rates' as "check", 'GBP' as reason,
        'Ada' as signed_by, timestamptz '2026-07-10 08:00+00' as signed_at, date '2026-07-31' as expires_on;"""


def release(settings: Settings, name: str, *more: str) -> None:
    folder = settings.published / "releases" / name
    folder.mkdir(parents=True)
    with duckdb.connect(str(folder / "funnel.duckdb")) as connection:
        for sql in (TABLES, *more):
            connection.execute(sql)
    window = {"window_id": "w1", "rows": 3, "to_at": "2026-07-20T08:00:00+00:00"}
    manifest = {"id": name, "as_of": "2026-07-30T00:00:00+00:00", "known_at": "2026-07-30T00:00:00+00:00",
                "code_version": "1", "sources": {"hubspot": {"streams": {"deals": window}}}}  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture
def home(settings: Settings) -> Settings:
    release(settings, "A", "update marts.actual_revenue_monthly set won_amount_now = 82.10")
    release(settings, "B")
    (settings.published / "current").symlink_to("releases/B")
    return settings


def test_a_restated_month(home: Settings) -> None:
    found: dict[str, Any] = why.collect(home, "2026-06", "won_revenue", top=1)
    assert found["figure"] == Decimal("70.15")
    deals = found["deals"]
    assert (deals["count"], deals["made_of_them"], deals["difference"]) == (2, Decimal("70.15"), 0)
    assert [(row["deal_key"], row["owner_name"], row["source_url"]) for row in deals["top"]] == [
        ("h:1", "Ada", "https://crm/h:1")
    ]
    assert found["closed"]["revision"] == 1
    assert found["waivers"][0]["check"] == "rates"
    restated = found["restatements"]
    assert sum(row["amount"] for row in restated["by_deal"]) == restated["change"] == Decimal("-11.95")
    assert [row["cause"] for row in restated["by_deal"]] == ["reopened", "late_close"]
    assert [(row["id"], row["figure"]) for row in found["publications"]] == [
        ("A", Decimal("82.10")),
        ("B", Decimal("70.15")),
    ]
    said = why_text.text(found)
    for words in ("70.15 EUR", "which is the figure", "closed by Ada", "GBP", "-12.00  reopened", "1 more (--top)",
                  "A, as of 2026-07-30 00:00: 82.10 EUR", "hubspot/deals  w1"):  # fmt: skip
        assert words in said, words


def test_what_the_deals_do_not_make_is_said(home: Settings) -> None:
    with duckdb.connect(str(home.published / "releases" / "B" / "funnel.duckdb")) as connection:
        connection.execute("update marts.fct_won_revenue set is_reversed = true where deal_key = 'h:2'")
    found = why.collect(home, "2026-06", "won_revenue")
    assert found["deals"]["difference"] == Decimal("0.05")
    assert "0.05 is not in them" in why_text.text(found)


@pytest.mark.parametrize(
    ("month", "metric", "scope", "words"),
    [
        ("2026-6", "won_revenue", {}, "is not a month"),
        ("2026-06", "happiness", {}, "Can be explained: won_revenue"),
        ("2026-06", "lost_amount", {}, "deals do not add up to it"),
        ("2026-05", "won_revenue", {}, "Published: 2026-06 to 2026-06"),
        ("2026-06", "won_revenue", {"team": "Twins"}, "2 teams are called 'Twins'"),
        ("2026-06", "won_revenue", {"pipeline": "x"}, "Known: h:p (Sales)"),
        ("2026-06", "won_revenue", {"pipeline": "Sales", "team": "h:1"}, "exclude each other"),
    ],
)
def test_wrong_questions(home: Settings, month: str, metric: str, scope: dict[str, str], words: str) -> None:
    with pytest.raises(WrongUse) as error:
        why.collect(home, month, metric, **scope)
    assert words in str(error.value)


def test_a_publication_of_another_release(home: Settings) -> None:
    with duckdb.connect(str(home.published / "releases" / "B" / "funnel.duckdb")) as connection:
        connection.execute("drop table meta.frozen_vintages")
    with pytest.raises(WrongUse, match=r"of another release: .*frozen_vintages"):
        why.collect(home, "2026-06", "won_revenue")


def test_nothing_published(settings: Settings) -> None:
    with pytest.raises(WrongUse, match="Nothing has been published"):
        why.collect(settings, "2026-06", "won_revenue")

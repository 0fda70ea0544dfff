"""Diff: added, removed and changed rows by key, changed figures, whole totals beside limited lists."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ingestion.settings import Settings
from orchestration import warehouse
from orchestration.diff import diff
from orchestration.diff_text import text
from orchestration.errors import WrongUse
from orchestration.home import Home
from orchestration.publish import publish
from orchestration.session import Session
from tests.orchestration.conftest import AS_OF, fill, session_of, settings_of

GUIDE = """create or replace table meta.table_guide as
    select * from (values ('marts', 'dim_deals', 'deal_key'), ('marts', 'fct_stage_transitions', 'deal_key'),
                          ('marts', 'mart_sales_kpis_monthly', 'month, pipeline_key'),
                          ('meta', 'table_guide', 'table_name'),
                          ('meta', 'rejected_records', 'source, stream, record_id'))
        t(schema_name, table_name, key_columns)"""  # fmt: skip
MART = """create or replace table marts.mart_sales_kpis_monthly as
    select (date '2026-01-01' + to_months(i::int))::date as month, p as pipeline_key, 10 + i as won_count,
           case when i > 0 then 0.5::double end as win_rate, (100.25 * i)::decimal(18, 2) as won_amount
    from range(3) m(i), (values ('all'), ('hubspot:default')) t(p)"""


def ready(settings: Settings, number: int, *edits: str) -> Session:
    session = session_of(settings, f"{number:08d}-run", AS_OF + timedelta(days=number))
    fill(session, 1)
    with warehouse.connect(session.path) as connection:
        for statement in (GUIDE, MART, *edits):
            connection.execute(statement)
    return session


EDITS = (
    "delete from marts.dim_deals where deal_key in ('hubspot:7', 'hubspot:8')",
    "insert into marts.dim_deals select 'hubspot:new', 1, 1, null",
    "update marts.dim_deals set value = 2 where deal_key < 'hubspot:2'",
    "update marts.dim_deals set amount = null where deal_key = 'hubspot:1'",
    "update marts.mart_sales_kpis_monthly set won_count = 12 where month = '2026-01-01' and pipeline_key = 'all'",
    "update marts.mart_sales_kpis_monthly set win_rate = null, won_amount = won_amount + 1 where month = '2026-03-01'",
)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    settings = settings_of(tmp_path_factory.mktemp("diff") / "home", "hubspot")
    settings.home.mkdir()
    Home(settings.home).prepare()
    publish(ready(settings, 1))
    publish(ready(settings, 2, *EDITS))
    return diff(settings, "previous", "current", limit=3)


def table(found: dict[str, Any], name: str) -> dict[str, Any]:
    (one,) = [t for t in found["tables"] if t["table"] == name]
    return one


def test_rows_by_key(found: dict[str, Any]) -> None:
    deals = table(found, "marts.dim_deals")
    assert deals["key"] == ["deal_key"]
    assert (deals["rows_a"], deals["rows_b"]) == (50, 49)
    assert (deals["added"], deals["removed"], deals["changed"]) == (1, 2, 12)  # hubspot:0, 1, 10 … 19
    assert deals["changed_columns"] == {"value": 12, "amount": 1}
    assert deals["rows"] == [
        {"change": "changed", "key": {"deal_key": "hubspot:0"}, "columns": {"value": [1, 2]}},
        {
            "change": "changed",
            "key": {"deal_key": "hubspot:1"},
            "columns": {"value": [1, 2], "amount": [Decimal("1.50"), None]},
        },
        {"change": "changed", "key": {"deal_key": "hubspot:10"}, "columns": {"value": [1, 2]}},
    ]
    assert "marts.fct_stage_transitions" in found["unchanged"]
    assert not found["equal"]


def test_figures_of_a_mart_with_old_and_new(found: dict[str, Any]) -> None:
    mart = table(found, "marts.mart_sales_kpis_monthly")
    assert (mart["added"], mart["removed"], mart["changed"], mart["figures_total"]) == (0, 0, 3, 5)
    january = {"month": date(2026, 1, 1), "pipeline_key": "all", "column": "won_count", "old": 10, "new": 12}
    assert mart["figures"][0] == january
    assert mart["figures"][1]["column"] == "win_rate"
    assert mart["figures"][1]["new"] is None
    assert len(mart["figures"]) == 3
    shown = text(found)
    assert "~ 2026-01-01  all  won_count  10 → 12" in shown
    assert "… and 2 more changed figures" in shown
    assert "… and 12 more rows" in shown


def test_warehouse_before_it_is_published(settings: Settings) -> None:
    first = publish(ready(settings, 1))
    assert diff(settings, "current", "warehouse")["equal"]
    ready(settings, 2, "update marts.dim_deals set value = 9 where deal_key = 'hubspot:3'")
    found = diff(settings, first["id"], "warehouse", tables=["dim_deals"])
    assert [t["table"] for t in found["tables"]] == ["marts.dim_deals"]
    assert table(found, "marts.dim_deals")["rows"][0]["columns"] == {"value": [1, 9]}
    assert found["b"]["as_of"].startswith("2026-04-12")


def test_changed_shape_is_told(settings: Settings) -> None:
    publish(ready(settings, 1))
    edits = ("alter table marts.dim_deals add column extra integer", "drop table marts.mart_sales_kpis_monthly")
    publish(ready(settings, 2, *edits))
    found = diff(settings, "previous", "current")
    deals = table(found, "marts.dim_deals")
    assert (deals["columns_added"], deals["changed"], deals["rows"]) == (["extra"], 0, [])
    assert table(found, "marts.mart_sales_kpis_monthly")["only_in"] == "a"
    assert "columns added: extra" in text(found)


def test_rows_without_a_key_are_compared_whole_and_counted(settings: Settings) -> None:
    again = "insert into meta.rejected_records select * from meta.rejected_records"
    publish(ready(settings, 1))
    publish(ready(settings, 2, again))
    rejected = table(diff(settings, "previous", "current"), "meta.rejected_records")
    assert (rejected["added"], rejected["changed"]) == (1, 0)  # the same key twice is two rows
    unguided = "delete from meta.table_guide where table_name = 'dim_deals'"
    publish(ready(settings, 3, unguided))
    publish(ready(settings, 4, unguided, "update marts.dim_deals set value = 5 where deal_key = 'hubspot:3'"))
    deals = table(diff(settings, "previous", "current"), "marts.dim_deals")
    assert (deals["added"], deals["removed"], deals["changed"]) == (1, 1, 0)


def test_wrong_names_list_the_right_ones_and_the_same_side_twice_is_equal(settings: Settings) -> None:
    publish(ready(settings, 1))
    for a, b, tables, match in (
        ("yesterday", "current", [], "no publication yesterday.*There are: .*current"),
        ("previous", "current", [], "no publication previous"),
        ("current", "warehouse", ["dim_nothing"], "no table dim_nothing.*marts.dim_deals"),
    ):
        with pytest.raises(WrongUse, match=match):
            diff(settings, a, b, tables)
    assert diff(settings, "current", "current")["equal"]


def test_views_of_the_users_own_are_compared_with_the_tables_they_were_published_as(settings: Settings) -> None:
    view = "create schema own; create view own.deals as select deal_key, value from marts.dim_deals"
    publish(ready(settings, 1, view))
    assert "own.deals" in diff(settings, "current", "warehouse")["unchanged"]
    ready(settings, 2, "update marts.dim_deals set value = 2 where deal_key = 'hubspot:1'")
    (own,) = diff(settings, "current", "warehouse", ["own.deals"])["tables"]
    assert (own["added"], own["removed"], own["rows_b"]) == (1, 1, 50)  # without a key a row is what it says

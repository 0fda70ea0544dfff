"""Properties that funnel.yml names after deals were read: columns, events and amounts equal the world's truth, and what
is asked of the source for it is counted.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.sandbox import custom, truth
from ingestion.sandbox.model import iso
from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from ingestion.settings import load_settings
from orchestration import dbt_build
from orchestration.home import Home
from orchestration.session import Request, Session

RENEWALS = "2209100"
CONFIG = f"""
properties:
  hubspot:
    deals:
      industry_segment: {{label: "Segment, the customer's"}}
      expected_margin: {{label: Expected margin, type: money, history: true, renewal: available_amount}}
      closed_lost_reason: {{type: number}}
      no_such_property: {{type: date, history: true}}
  emea: {{deals: {{industry_segment: {{label: Branch}}}}}}
amount_property: {{hubspot: {{"{RENEWALS}": hs_arr}}}}
pipelines: {{emea: [default]}}
deal_types: {{emea: {{values: {{NewBusiness: upsell}}, pipelines: {{default: renewal}}}}}}
"""


@dataclass
class Told:
    """What is left of the story: the world, the warehouse, the truth of its deals, the reports of the late sync."""

    world: World
    warehouse: Path
    deals: list[dict[str, Any]]
    month_ends: list[dict[str, Any]]
    late: Any
    warnings: list[str]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            return connection.execute(sql).fetchall()


def build(session: Session, *select: str) -> None:
    """The models before and at these; the second time only what is new. Tests that want other tables do not count."""
    nodes = dbt_build.build(session, select)
    wrong = [n for n in nodes if n.status == "fail" or (n.status == "error" and n.kind != "test")]
    assert [(node.name, node.message) for node in wrong] == []


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    home = tmp_path_factory.mktemp("home")
    with Sandbox(World(seed=5, deals=150), rate=None, search_rate=None) as sandbox:
        world = sandbox.world

        def look(**more: str) -> Session:
            env = more | {
                "HUBSPOT_ACCESS_TOKEN": "sandbox-token",
                "HUBSPOT_API_BASE": sandbox.url,
                "FUNNEL_PII_KEY": "x",
            }
            as_of = datetime.fromtimestamp(world.now / 1000, UTC) + timedelta(milliseconds=1)
            session = Session(Request(), load_settings(env, home), str(uuid.uuid4()), as_of, datetime.now(UTC))
            Home(home).prepare()
            session.begin()
            reports = session.extract("hubspot")
            assert [str(report.error) for report in reports if report.error] == []
            session.load()
            return session

        # asked for at first, then not, then again: the deals that did not change have it twice
        (home / "funnel.yml").write_text("properties: {hubspot: {deals: {expected_margin: {history: true}}}}\n")
        look()
        world.advance(20)
        (home / "funnel.yml").unlink()
        look()
        (home / "funnel.yml").write_text(CONFIG)
        late = look()
        build(late, "+int_deal_events", "+int_deal_properties")
        world.advance(25)
        last = look(HUBSPOT__EMEA_ACCESS_TOKEN="sandbox-token")
        build(last, "+dim_deals", "+rejected_records", "+fct_deal_events", "+fct_pipeline_month_end")
        deals, ends = (list(truth.rows(world, table, as_of=iso(world.now + 1))) for table in ("deals", "month_ends"))
        report = next(r for r in late.reports if r.stream == "deal_properties")
        yield Told(world, last.path, deals, ends, report, [w for r in late.reports for w in r.warnings])


def test_columns_are_typed_and_equal_the_truth(told: Told) -> None:
    ours = told.rows(
        "select deal_key, x_industry_segment, x_expected_margin from marts.dim_deals "
        "where source = 'hubspot' order by 1"
    )
    theirs = [
        (row["deal_key"], row.get("industry_segment"), row.get("expected_margin") and Decimal(row["expected_margin"]))
        for row in sorted(told.deals, key=lambda row: row["deal_key"])
    ]
    assert ours == theirs
    assert len({segment for _, segment, _ in ours}) == 5


def test_labels_are_comments_and_types_those_of_funnel_yml(told: Told) -> None:
    columns = told.rows("""select column_name, data_type, comment from duckdb_columns()
                           where schema_name = 'marts' and table_name = 'dim_deals'
                                 and starts_with(column_name, 'x_')
                           order by column_index""")
    assert columns == [
        (
            "x_industry_segment",
            "VARCHAR",
            "Segment, the customer's (hubspot:industry_segment); Branch (emea:industry_segment)",
        ),
        ("x_expected_margin", "DECIMAL(18,2)", "Expected margin (hubspot:expected_margin)"),
        ("x_closed_lost_reason", "DOUBLE", "closed_lost_reason (hubspot:closed_lost_reason)"),
        ("x_no_such_property", "DATE", "no_such_property (hubspot:no_such_property)"),
    ]


def test_a_property_says_what_there_is_to_renew(told: Told) -> None:
    """Where it says nothing, what the renewed deal was won for."""
    rows = told.rows("""select deals.x_expected_margin, deals.available_amount, won.amount, deals.is_renewal_inferred
                        from marts.dim_deals as deals
                        left join marts.fct_won_revenue as won
                            on deals.renewal_of_deal_key = won.deal_key and not won.is_reversed""")
    assert all(available == (won if given is None else given) for given, available, won, _ in rows)
    assert sum(given is not None for given, *_ in rows) > 10
    assert sum(given is None and available is not None and inferred for given, available, _, inferred in rows) > 0


def test_what_does_not_parse_is_null_and_told_of(told: Told) -> None:
    [(filled,)] = told.rows("select count(x_closed_lost_reason) + count(x_no_such_property) from marts.dim_deals")
    assert filled == 0
    [(wrong,)] = told.rows("select count(*) from marts.dim_deals where lost_reason is not null and source = 'hubspot'")
    rejects = told.rows("""select stream, reason, count(*), count(distinct record_id) from meta.rejected_records
                           where reason like '%closed_lost_reason%' group by all""")
    assert rejects == [("deal_properties", "property closed_lost_reason: not a number", wrong, wrong)]
    assert wrong > 10
    assert [warning for warning in told.warnings if "weekly sweep" not in warning] == [
        "property no_such_property of funnel.yml is not known at the source: it is null"
    ]


def test_amounts_of_a_pipeline_are_those_of_its_property(told: Told) -> None:
    """Now and at every month end; of the pipeline that the deal names now."""
    ours = told.rows(
        "select deal_key, amount from marts.dim_deals where outcome <> 'void' and source = 'hubspot' order by 1"
    )
    ours += told.rows(
        """select deal_key, amount from marts.fct_pipeline_month_end where starts_with(deal_key, 'hubspot:')
           order by month_end, 1"""
    )
    deals = sorted((row for row in told.deals if row["outcome"] != "void"), key=lambda row: row["deal_key"])
    ends = sorted(told.month_ends, key=lambda row: (row["month_end"], row["deal_key"]))
    assert ours == [(row["deal_key"], worth(told.world, row)) for row in deals + ends]
    assert sum(named_pipeline(told.world, row) == RENEWALS for row in deals) > 10
    named = dict(told.rows("select pipeline_key, amount_property from marts.dim_pipelines where source = 'hubspot'"))
    assert named == {"hubspot:default": "amount", f"hubspot:{RENEWALS}": "hs_arr"}


def ever_sold(world: World, row: dict[str, Any]) -> bool:
    """Whether the deal was ever in the default pipeline."""
    log = world.objects["deals"][int(row["source_deal_id"])].log
    return any(c.name == "pipeline" and c.value == "default" and c.since <= world.now for c in log)


def named_pipeline(world: World, row: dict[str, Any]) -> str | None:
    """The pipeline that the deal itself names now."""
    return world.objects["deals"][int(row["deal_key"].split(":")[1])].value("pipeline", world.now)


def worth(world: World, row: dict[str, Any]) -> Decimal | None:
    """The amount as our tables must have it: of renewals hs_arr."""
    if row["amount"] is None:
        return None
    return Decimal(custom.part("hs_arr", row["amount"]) if named_pipeline(world, row) == RENEWALS else row["amount"])


def test_changes_of_a_tracked_property_are_events(told: Told) -> None:
    """One for one those of the amount it follows, of deals whose amount is the usual property."""
    events = {
        field: told.rows(f"""select deal_key, effective_at, sequence, round(new_value::decimal(18, 2) * {share}, 2)
                             from marts.fct_deal_events
                             where field = '{field}' and source = 'hubspot' and deal_key not in
                                 (select deal_key from intermediate.int_deals where pipeline_id = '{RENEWALS}')
                             order by 1, 2, 3""")
        for field, share in (("expected_margin", 1), ("amount", 0.2))
    }
    assert len(events["amount"]) > 150
    apart = [
        pair for pair in zip(events["amount"], events["expected_margin"], strict=True) if pair[0][:3] != pair[1][:3]
    ]
    assert apart == []
    assert told.rows("select count(*) from marts.fct_deal_events where field in ('hs_arr', 'closed_lost_reason')") == [
        (0,)
    ]
    [(seen_late,)] = told.rows(f"""select count(*) from marts.fct_deal_events
                                   join raw._windows as late on stream = 'deal_properties'
                                       and recorded_at = late.extracted_at
                                   join intermediate.int_deals as deals using (deal_key)
                                   where field = 'amount' and deals.pipeline_id = '{RENEWALS}'""")
    assert seen_late > 10


def test_adding_properties_read_just_these_and_only_once(told: Told) -> None:
    [(live, archived)] = told.rows("""
        with newest as (
            select max_by((record ->> 'archived')::boolean, window_seq) as is_archived
            from raw.hubspot__deals
            where source = 'hubspot' and window_seq < (select max(window_seq) from raw.hubspot__deal_properties)
            group by record_id
        )
        select count(*) filter (not is_archived), count(*) filter (is_archived) from newest""")
    assert told.late.rows >= live + archived - 5
    assert told.late.requests <= live // 50 + archived // 50 + 4
    [windows] = told.rows(
        "select count(distinct window_id), any_value(json_keys(record->'properties')) from raw.hubspot__deal_properties"
    )
    assert windows[0] == 1
    assert set(windows[1]) == {"industry_segment", "expected_margin", "hs_arr"}


def test_another_connection_has_the_columns_it_names_and_its_own_amounts(told: Told) -> None:
    deals = told.rows("""select source_deal_id, x_industry_segment, x_expected_margin, amount from marts.dim_deals
                         where source = 'emea' and not is_deleted""")
    truth_of = {
        row["source_deal_id"]: row for row in told.deals if not row["is_deleted"] and ever_sold(told.world, row)
    }
    assert len(deals) == len(truth_of) > 60
    for id, segment, margin, amount in deals:
        row = truth_of[id]
        assert (segment, margin) == (row["industry_segment"], None)
        assert amount == (row["amount"] and Decimal(row["amount"]))
    assert told.rows(
        "select count(*) from marts.fct_deal_events where source = 'emea' and field = 'expected_margin'"
    ) == [(0,)]


def test_pipelines_that_are_not_included_leave_the_marts_and_stay_staged(told: Told) -> None:
    """Deals that were never in an included one; the stays of others elsewhere are void, and in no month end."""
    wanted = {f"emea:{row['source_deal_id']}" for row in told.deals if ever_sold(told.world, row)}
    ours = {key for (key,) in told.rows("select deal_key from marts.dim_deals where source = 'emea'")}
    staged = {
        f"emea:{id}"  # what was gone before the connection came was never seen
        for (id,) in told.rows("select source_deal_id from staging.stg_hubspot__deals where source = 'emea'")
    }
    assert ours == wanted & staged
    assert len(staged - ours) > 10
    for table in ("fct_deal_events", "fct_pipeline_month_end"):
        keys = told.rows(f"select distinct deal_key from marts.{table} where starts_with(deal_key, 'emea:')")
        assert keys, table
        assert {key for (key,) in keys} <= wanted, table
    ends = told.rows(
        "select distinct pipeline_key from marts.fct_pipeline_month_end where starts_with(deal_key, 'emea:')"
    )
    assert ends == [("emea:default",)]
    assert told.rows("select pipeline_key, is_included from marts.dim_pipelines order by 1") == [
        (f"emea:{RENEWALS}", False), ("emea:default", True), (f"hubspot:{RENEWALS}", True), ("hubspot:default", True)
    ]  # fmt: skip
    categories = told.rows(
        f"""select distinct stage_category, is_category_inferred from marts.dim_stages
            where pipeline_key = 'emea:{RENEWALS}'"""
    )
    assert categories == [("void", False)]
    whole = {f"hubspot:{row['source_deal_id']}" for row in told.deals}
    assert {key for (key,) in told.rows("select deal_key from marts.dim_deals where source = 'hubspot'")} == whole


def test_deal_types_of_funnel_yml(told: Told) -> None:
    """The CRM's word before the pipeline; the other connection by the usual words."""
    found = told.rows(
        """select deals.source, given.deal_type_raw, deals.deal_type from marts.dim_deals as deals
           join intermediate.int_deals as given using (deal_key)
           where deals.pipeline_key in ('emea:default', 'hubspot:default') and given.deal_type_raw is not null
           group by all order by all"""
    )
    assert found == [
        ("emea", "existingbusiness", "renewal"),
        ("emea", "newbusiness", "upsell"),
        ("hubspot", "existingbusiness", "upsell"),
        ("hubspot", "newbusiness", "new_business"),
    ]
    assert told.rows("select pipeline_key, is_renewal_pipeline from marts.dim_pipelines order by 1") == [
        (f"emea:{RENEWALS}", True), ("emea:default", True), (f"hubspot:{RENEWALS}", True), ("hubspot:default", False)
    ]  # fmt: skip

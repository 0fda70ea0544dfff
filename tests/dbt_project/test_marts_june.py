"""The marts over june.py: figures worked out by hand, every published table described.

Incremental = full over all of it: tests/soak/test_incremental_equals_full.py.
"""

import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from june import AS_OF, step
from raw import make_warehouse

MARTS_MD = Path(__file__).parents[3] / "shared" / "MARTS.md"
NO_TESTS = ("--exclude-resource-type", "test", "unit_test")


def connect(path):
    con = duckdb.connect(str(path), read_only=True)
    con.execute("set TimeZone = 'UTC'")
    return con


def contents(path, schemas=("marts", "meta", "intermediate")) -> dict[str, list]:
    with connect(path) as con:
        names = con.execute(
            "select schema_name || '.' || table_name from duckdb_tables() where schema_name in ? "
            "and table_name not in ('run_clock')",
            [list(schemas)],
        ).fetchall()
        return {name: sorted(con.execute(f"from {name}").fetchall(), key=repr) for (name,) in names}


@pytest.fixture(scope="module")
def runs(dbt, tmp_path_factory):
    """(warehouse after three runs, deal 205 after the second). The first two runs build what they are asked about; then
    counts are built whole, as by a new release."""
    path = tmp_path_factory.mktemp("june") / "warehouse.duckdb"
    make_warehouse(path, AS_OF[0]).close()
    for number in range(3):
        with duckdb.connect(str(path)) as con:
            con.execute("set TimeZone = 'UTC'")
            step(con, number)
        dbt(path, "build", *NO_TESTS, *(() if number == 2 else ("--select", "+source_reconciliation", "+dim_deals")))
        if number == 1:
            with connect(path) as con:
                archived = of_deal(con, 205, "is_deleted, deleted_at, lead_key")
    tests = ("path:tests/marts_*", "path:models/marts", "path:models/meta")
    dbt(path, "test", "--select", *tests, "--exclude-resource-type", "unit_test")
    dbt(path, "build", "--full-refresh", *NO_TESTS, "--select", "source_reconciliation")
    return path, archived


@pytest.fixture(scope="module")
def con(runs):
    with connect(runs[0]) as connection:
        yield connection


def one(con, query, *parameters):
    rows = con.execute(query, parameters).fetchall()
    assert len(rows) == 1, rows
    return rows[0] if len(rows[0]) > 1 else rows[0][0]


def of_deal(con, number, columns):
    return one(con, f"select {columns} from marts.dim_deals where source_deal_id = ?", str(number))


def of_month(con, month, columns, pipeline="all"):
    return one(
        con,
        f"select {columns} from marts.mart_sales_kpis_monthly where month = ? and pipeline_key = ?",
        month,
        pipeline,
    )


def utc(*parts):
    return datetime(2026, *parts, tzinfo=UTC)


# ---- one month, five answers -------------------------------------------------------------------------------------
def test_win_rate(con):
    rate, n, low, high, ratio, value = of_month(
        con, "2026-06-01", "win_rate, win_rate_n, win_rate_low, win_rate_high, win_loss_ratio, win_rate_value"
    )
    assert (rate, n, round(low, 3), round(high, 3), ratio) == (0.6, 5, 0.231, 0.882, 1.5)
    assert value == pytest.approx(30 / 130)


def test_deal_size(con):
    assert of_month(
        con,
        "2026-06-01",
        "average_deal_size, median_deal_size, deal_size_n, zero_amount_won_count, "
        "won_count, won_amount, lost_amount, void_count",
    ) == (15000, 15000, 2, 1, 3, Decimal("30000.00"), Decimal("100000.00"), 1)


def test_the_crm_says_otherwise(con):
    """A win for nothing is in the CRM's mean; the duplicate's stage is open there, so that the win rates agree."""
    query = """select metric, deal_key, our_figure, crm_figure, reason from marts.mart_definition_bridge
               where month = '2026-06-01' and metric <> 'win_rate_value' order by 1, 2"""
    assert con.execute(query).fetchall() == [
        ("average_deal_size", "all", 15000, 10000, None),
        ("average_deal_size", "hubspot:103", 15000, 10000, "zero_amount"),
        ("win_rate", "all", 0.6, 0.6, None),
    ]


def test_won_in_june_by_month_team_and_type(con):
    """The same five closings in the table that adds up; void, open and weighted as in the fixture."""
    query = """select sum(won_count), sum(lost_count), sum(void_count), sum(won_amount), sum(won_count_positive),
                      sum(zero_amount_won_count), sum(open_opportunities), sum(crm_weighted_amount)
               from marts.mart_sales_monthly where month = '2026-06-01'"""
    assert con.execute(query).fetchone() == (3, 2, 1, 30000, 2, 1, 4, 20000)


def test_open_and_weighted(con):
    # four open, one overdue, 50 k at 40 %; the archived, the merged and the lost deal are not among them
    assert of_month(con, "2026-06-01", "open_opportunities, open_amount, crm_weighted_amount") == (
        4, Decimal("50000.00"), Decimal("20000.00"),
    )  # fmt: skip
    # by our own odds: what June's vintage expects of open deals, a cent of rounding a month and owner
    vintage = con.execute(
        """select sum(expected_revenue) from marts.forecast_monthly
           where as_of_month_end = '2026-06-30' and component = 'open_pipeline' and segment_type = 'all'"""
    ).fetchone()
    ours = of_month(con, "2026-06-01", "weighted_amount")
    assert 0 < ours < 50000
    assert ours == pytest.approx(vintage[0], abs=Decimal("0.20"))


def test_cycles_and_velocity(con):
    # created 1 May, won on 10, 20 and 21 June: 40, 50 and 51 days
    assert of_month(con, "2026-06-01", "average_sales_cycle_days, median_sales_cycle_days") == (47, 50)
    # by 30 June: won 101–103, 201–203, 208 in 90 days (209 on 2 April, the 90th); lost 104, 105, 207
    won, lost = 8, 3
    sizes = [10000, 20000, 800, 300, 70, 80]  # 201 at the plan rate, 202 has no rate, 103 is 0
    cycles = [40, 50, 51, 19, 20, 21, 9, 59]
    # open on 31 May: 101–110, 205, 211; 206 is merged away
    assert of_month(con, "2026-06-01", "pipeline_velocity_per_day") == pytest.approx(
        12 * won / (won + lost) * (sum(sizes) / 6) / (sum(cycles) / 8)
    )


def test_months_run_from_the_first_event_to_as_of(con):
    rows = con.execute(
        "select month, is_complete_month, open_opportunities from marts.mart_sales_kpis_monthly "
        "where is_rollup order by 1"
    ).fetchall()
    # 209 alone in April; 210's history begins on the 20th of April, so that it stands then too
    assert rows == [
        (date(2026, 4, 1), True, 2), (date(2026, 5, 1), True, 12),
        (date(2026, 6, 1), True, 4), (date(2026, 7, 1), False, 6),
    ]  # fmt: skip


def test_closings_count_in_the_month_of_the_close_date(con):
    # 209 entered on 30 May with a close date in April; 211 lost in June with one in July; 210 is gone, 204 reopened
    assert of_month(con, "2026-04-01", "won_count, lost_count, won_amount") == (1, 0, Decimal("80.00"))
    assert of_month(con, "2026-07-01", "won_count, lost_count") == (0, 1)
    assert of_month(con, "2026-05-01", "won_count, lost_count, won_amount, lost_amount, unconverted_count") == (
        4, 1, Decimal("1270.00"), Decimal("4000.00"), 1,
    )  # fmt: skip
    assert of_month(con, "2026-05-01", "won_count, won_amount", "hubspot:renewals") == (1, Decimal("70.00"))


def test_new_deals_and_leads(con):
    # 101–110, and of 201–211 all but 206 (merged away), 209 and 210 (April); contact 72 was merged into 73
    assert of_month(con, "2026-05-01", "new_deals, new_leads, lead_to_deal_rate") == (18, 2, None)
    assert of_month(con, "2026-05-01", "new_leads, lead_to_deal_rate", "hubspot:default") == (None, None)


def test_waterfall(con):
    words = ("opening", "created", "reopened", "won", "lost", "void", "closing")
    columns = ", ".join(f"sum({word}_amount), cast(sum({word}_count) as integer)" for word in words)

    def cells(month, basis="all_open"):
        row = one(con, f"select {columns} from marts.mart_pipeline_waterfall_monthly where month = ? and basis = ? "
                  "and currency = 'EUR'", month, basis)  # fmt: skip
        return {word: row[2 * n : 2 * n + 2] for n, word in enumerate(words) if row[2 * n + 1]}

    # 104, 105 and 211 lost by the move; 106 a duplicate, 205 archived; 101 and 102 won, and 103 with nothing
    assert cells("2026-06-01") == {
        "opening": (185065, 12), "won": (-30000, 3), "lost": (-100005, 3), "void": (-5060, 2), "closing": (50000, 4),
    }  # fmt: skip
    # 204 came back with 45, 205 with 60
    assert cells("2026-07-01") == {"opening": (50000, 4), "reopened": (105, 2), "closing": (50105, 6)}
    # won 40 + 70 + 80 + 300; 201 and 202 in their own currencies
    assert cells("2026-05-01")["won"] == (-490, 4)
    # to close in June: all of 101–106 but 105 without amount, 107 overdue at its end
    assert cells("2026-06-01", "close_in_month")["opening"] == (155000, 7)
    assert "closing" not in cells("2026-06-01", "close_in_month")


def test_wins_by_the_move_and_by_the_close_date(con):
    """The deals that make waterfall and mart_sales_* differ: 209 was entered late, 204 has come back since."""
    text = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    query = re.search(r"-- wins by the move.*?```", text, re.S).group().removesuffix("```")
    april, may = date(2026, 4, 1), date(2026, 5, 1)
    assert con.execute(query).fetchall() == [
        ("hubspot:204", may, None, "undone since"),
        ("hubspot:209", may, None, "months differ"),
        ("hubspot:209", None, april, "months differ"),
    ]


# ---- deals -------------------------------------------------------------------------------------------------------
def test_money(con):
    columns = "amount, currency, is_currency_assumed, amount_reporting"
    assert of_deal(con, 201, columns) == (Decimal("1000.00"), "USD", False, Decimal("900.00"))
    assert of_deal(con, 202, columns) == (Decimal("500.00"), "GBP", False, None)
    assert of_deal(con, 203, columns) == (Decimal("300.00"), None, True, Decimal("300.00"))


def test_a_loss_zeroed_on_closing_keeps_its_last_amount(con):
    assert of_deal(con, 207, "amount, amount_at_close, amount_at_close_is_restored, lost_reason_group") == (
        Decimal("0.00"), Decimal("4000.00"), True, "competitor",
    )  # fmt: skip
    assert of_deal(con, 105, "amount_at_close, lost_reason_group") == (None, "not given")


def test_reopened(con):
    columns = "outcome, closed_at, reopen_count, stage_changes, owner_key_at_creation, owner_key_at_close"
    assert of_deal(con, 204, columns) == (
        "open", None, 1, 2, "hubspot:7", None,
    )  # fmt: skip
    rows = con.execute(
        "select spell_number, won_month, won_at, close_date, owner_key, team_key, amount, is_reversed "
        "from marts.fct_won_revenue where deal_key = 'hubspot:204'"
    ).fetchall()
    assert rows == [
        (1, date(2026, 5, 1), utc(5, 23, 9), date(2026, 5, 23), "hubspot:8", "hubspot:1", Decimal("40.00"), True)
    ]


def test_merged(con):
    assert of_deal(con, 206, "outcome, is_open, is_deleted, merged_into_deal_key, deleted_at, backward_moves") == (
        "void", True, True, "hubspot:101", utc(6, 28, 9), None,
    )  # fmt: skip
    columns = "source, outcome, is_open, is_deleted, merged_into_deal_key, created_at, stage_key, deal_type"
    assert of_deal(con, 99, columns) == (
        "hubspot", "void", None, True, "hubspot:101", None, None, None,
    )  # fmt: skip
    assert one(con, "select count(*) from marts.fct_pipeline_month_end where deal_key = 'hubspot:206'") == 0


def test_deleted_and_restored(con):
    assert of_deal(con, 205, "is_deleted, deleted_at, outcome") == (False, None, "open")
    assert of_deal(con, 210, "is_deleted, deleted_at, outcome, is_lost") == (True, utc(7, 14, 9), "lost", True)
    ends = con.execute("select month_end from marts.fct_pipeline_month_end where deal_key = 'hubspot:205'").fetchall()
    assert ends == [(date(2026, 5, 31),)]  # deleted on 25 June, back on 5 July


def test_dates_typed_by_hand(con):
    assert of_deal(con, 209, "is_backdated, closed_at, close_date, is_history_truncated") == (
        True, utc(5, 30, 9), date(2026, 4, 2), False,
    )  # fmt: skip
    assert of_deal(con, 210, "is_backdated, is_history_truncated") == (False, True)
    assert of_deal(con, 102, "is_backdated, sales_cycle_days") == (False, 50)


def test_close_date_pushes(con):
    assert of_deal(con, 211, "close_date_pushes, close_date") == (2, date(2026, 7, 1))  # May to June, June to July
    then = con.execute(
        "select month_end, close_date_pushes, close_date from marts.fct_pipeline_month_end "
        "where deal_key = 'hubspot:211'"
    ).fetchall()
    assert then == [(date(2026, 5, 31), 0, date(2026, 5, 31))]


def test_deal_types(con):
    assert [of_deal(con, n, "deal_type") for n in (208, 209, 101)] == ["renewal", "new_business", "other"]


def test_links(con):
    # 72 was merged into 73; the restored deal's set is empty now, and an empty set of a live deal is the truth
    assert of_deal(con, 205, "lead_key, company_key") == (None, None)
    assert of_deal(con, 107, "lead_key, company_key") == ("hubspot:73", "hubspot:80")
    assert one(con, "select company_name from marts.dim_companies where company_key = 'hubspot:80'") is None


def test_links_of_an_archived_deal_are_remembered(runs):
    # at the second run the API had forgotten its contacts
    assert runs[1] == (True, utc(6, 25, 9), "hubspot:73")


# ---- people ------------------------------------------------------------------------------------------------------
def test_leads(con):
    rows = con.execute(
        "select source_lead_id, lifecycle_stage, furthest_lifecycle_stage, converted_at, converted_deal_key "
        "from marts.dim_leads order by 1"
    ).fetchall()
    assert rows == [
        ("71", "lead", "opportunity", utc(5, 5, 9), None),
        ("73", "customer", "customer", utc(5, 1, 9), "hubspot:107"),
    ]
    stays = con.execute(
        "select visit_number, from_stage, to_stage, exited_at, is_current from marts.fct_lead_transitions "
        "where lead_key = 'hubspot:71' order by 1"
    ).fetchall()
    assert stays == [
        (1, None, "lead", utc(5, 5, 9), False),
        (2, "lead", "opportunity", utc(5, 6, 9), False),
        (3, "opportunity", "lead", None, True),
    ]


def test_merged_leads(con):
    # 70 was never seen, and nobody tells when it was merged
    assert one(con, "select merged_ids, merged_times from staging.stg_hubspot__leads where source_lead_id = '73'") == (
        ["70", "72"],
        [None, utc(6, 20, 9)],
    )
    assert one(
        con, "select person_key, is_merged_away, merged_at from intermediate.int_leads where source_lead_id = '72'"
    ) == (
        "hubspot:73",
        True,
        utc(6, 20, 9),
    )


def test_owners_by_the_team_of_the_time(con):
    owners = con.execute(
        "select owner_key, owner_name, team_key, is_active from marts.dim_owners order by 1"
    ).fetchall()
    assert owners == [
        ("hubspot:7", "Ann", "hubspot:2", True), ("hubspot:8", "Bo", "hubspot:1", False),
        ("hubspot:9", "9", None, False),
    ]  # fmt: skip
    history = con.execute(
        "select team_key, valid_to, is_assumed from marts.dim_owners_history "
        "where owner_key = 'hubspot:7' order by valid_from"
    ).fetchall()
    assert history == [
        ("hubspot:1", utc(6, 1, 12), True), ("hubspot:1", utc(7, 1), False), ("hubspot:2", None, False),
    ]  # fmt: skip


# ---- calendar, bookkeeping ---------------------------------------------------------------------------------------
def test_dates(con):
    assert one(con, "select min(date), max(date) from marts.dim_dates") == (date(2025, 1, 1), date(2029, 12, 31))
    # 1 August 2026 is a Saturday: Friday 7 August is the fifth business day
    days = con.execute(
        "select day(date), business_day_of_month, is_close_window from marts.dim_dates "
        "where month = '2026-08-01' and day(date) in (1, 3, 7, 8, 10) order by date"
    ).fetchall()
    assert days == [(1, 0, True), (3, 1, True), (7, 5, True), (8, 5, True), (10, 6, False)]


def test_reconstructed_before_the_first_landing(con):
    rows = con.execute(
        "select month_end, bool_and(is_reconstructed), bool_or(is_reconstructed) "
        "from marts.fct_pipeline_month_end group by 1 order by 1"
    ).fetchall()
    assert rows == [(date(2026, 4, 30), True, True), (date(2026, 5, 31), True, True), (date(2026, 6, 30), False, False)]


def test_reconciliation(runs, con):
    # 22 deals seen; 206 merged, 210 gone; 300 was never good: live, but rejected
    columns = "at_source_live, landed_live, staged, in_mart, rejected, explained_after_as_of, unexplained"
    table = "meta.source_reconciliation where stream = 'deals'"
    rows = con.execute(f"select {columns} from {table} order by run_started_at").fetchall()
    assert rows[-1] == (19, 20, 19, 19, 1, 0, 1)
    # what the two runs before saw stays, also through a full build that knows no more of June than July's dates
    assert rows[:-1] == [(21, 21, 21, 21, 0, 0, 0), (19, 20, 19, 19, 1, 0, 0)]
    runs_of = con.execute(f"select run_id, as_of, rejected_by_reason from {table} order by as_of").fetchall()
    assert [row[0] for row in runs_of] == [f"run as of {as_of}" for as_of in AS_OF]
    assert [row[1] for row in runs_of] == [datetime.fromisoformat(as_of) for as_of in AS_OF]
    assert [row[2] for row in runs_of] == [None, "createdAt is not a date: 1", "createdAt is not a date: 1"]
    assert one(con, "select stream, record_id, reason from meta.rejected_records") == (
        "deals",
        "300",
        "createdAt is not a date",
    )


def test_every_published_table_is_described(dbt, con):
    manifest = json.loads((dbt.target / "manifest.json").read_text())
    models = [
        n for n in manifest["nodes"].values() if n["resource_type"] == "model" and n["schema"] in ("marts", "meta")
    ]
    guide = {row[0] for row in con.execute("select table_name from meta.table_guide").fetchall()}
    for model in models:
        assert model["name"] in guide, model["name"]
        assert model["access"] == "public"
        assert model["config"]["contract"]["enforced"]
        assert model["description"]
        assert all(column["description"] for column in model["columns"].values()), model["name"]
    assert len(models) >= 19


def test_first_queries_run(con):
    """Also those over the three tables that publication adds; their columns are declared in orchestration."""
    from orchestration.month_ends import COLUMNS
    from orchestration.warehouse import TABLES

    with duckdb.connect() as added:
        added.execute(f"create schema meta; create table meta.check_results ({TABLES['check_results']})")
        added.execute(f"create table meta.publications (id varchar); create table meta.month_end_changes ({COLUMNS})")
        for table, query in con.execute("select table_name, first_query from meta.table_guide").fetchall():
            (added if table in ("check_results", "publications", "month_end_changes") else con).execute(
                query
            ).fetchall()


@pytest.mark.skipif(not MARTS_MD.exists(), reason="the contract MARTS.md lies beside the repository, not in it")
def test_columns_of_the_contract(con):
    """Every column MARTS.md names for a table that exists is there."""
    ours: dict[str, set[str]] = {}
    for table, column in con.execute(
        "select table_name, column_name from duckdb_columns() where schema_name in ('marts', 'meta')"
    ).fetchall():
        ours.setdefault(table, set()).add(column)
    checked = 0
    for line in MARTS_MD.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if not line.startswith("| `") or len(cells) < 3:
            continue
        for table in re.findall(r"`(\w+)`", cells[0]):
            text = re.sub(r"\([^()]*(\([^()]*\)[^()]*)*\)", "", cells[2])
            named = {word for part in re.split(r"[,;]", text) if re.fullmatch(r"[a-z_0-9]+", word := part.strip())}
            if table in ours:
                assert named - {"the", "same"} <= ours[table], (table, named - ours[table])
                checked += len(named)
    assert checked > 150

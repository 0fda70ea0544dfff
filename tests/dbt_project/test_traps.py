"""One full build over traps.py: every dbt test passes, and each deal has the answer worked out by hand."""

import duckdb
import pytest
from raw import make_warehouse
from traps import APP, CONTRACT, LOST, PRES, QUAL, STEPS, WON


@pytest.fixture(scope="module")
def warehouse(dbt, tmp_path_factory):
    """Path of a warehouse built whole, with all unit and data tests run."""
    path = tmp_path_factory.mktemp("traps") / "warehouse.duckdb"
    con = make_warehouse(path)
    for step in STEPS:
        step(con)
    con.close()
    dbt(path, "build")
    return path


@pytest.fixture(scope="module")
def con(warehouse):
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        yield connection


def moves(con, deal_id, *columns):
    """Stage ids (or other columns) of a deal's stays in order."""
    chosen = ", ".join(columns) or "split_part(to_stage_key, ':', 3)"
    rows = con.execute(
        f"select {chosen} from marts.fct_stage_transitions where source_deal_id = ? order by visit_number",
        [str(deal_id)],
    ).fetchall()
    return [row[0] if len(row) == 1 else row for row in rows]


def ledger(con, deal_id, field):
    return con.execute(
        "select new_value, strftime(effective_at, '%m-%d'), origin from marts.fct_deal_events "
        "where deal_key = ? and field = ? order by effective_at, sequence",
        [f"hubspot:{deal_id}", field],
    ).fetchall()


def test_what_differs_from_its_own_history_is_listed(con):
    rows = con.execute(
        "select deal_key, field, object_value, history_value, strftime(history_ends_at, '%m-%d'), "
        "strftime(differs_since, '%m-%d') from meta.history_differences"
    ).fetchall()
    # 28 says 12.50, its history ends with 10; deals without any history (32) differ from nothing
    assert rows == [("hubspot:28", "amount", "12.50", "10.00", "01-01", "01-09")]
    counted = "select history_differences from meta.source_reconciliation where stream = 'deals'"
    assert con.execute(counted).fetchall() == [(1,)]


@pytest.mark.parametrize(
    ("deal_id", "stages", "types", "skipped", "first_reach"),
    [
        (1, [APP, QUAL, PRES, CONTRACT, WON], "entry forward forward forward won", [0, 0, 0, 0, 0], "TTTTT"),
        (2, [APP, CONTRACT, LOST], "entry forward lost", [0, 2, 0], "TTF"),
        (3, [APP, QUAL, APP, QUAL], "entry forward backward forward", [0, 0, 0, 0], "TTFF"),
        (4, [APP, WON, QUAL, LOST], "entry won reopened lost", [0, 3, 0, 0], "TTFF"),
        (5, [APP, LOST, WON], "entry lost won", [0, 0, 0], "TFT"),
        (6, [APP, "r_due"], "entry pipeline_change", [0, 0], "TT"),
        (7, [CONTRACT, WON], "entry won", [3, 0], "TT"),
        (15, [APP, QUAL, PRES, QUAL], "entry forward forward backward", [0, 0, 0, 0], "TTTF"),
        (17, [PRES], "entry", [2], "T"),
        (22, ["legacy", APP], "entry forward", [0, 0], "FT"),
        (23, [APP, "r_due"], "entry pipeline_change", [0, 0], "TT"),
        (24, ["shared", "shared"], "entry pipeline_change", [1, 0], "TT"),
        (33, ["e_new", "e_won", "e_onboarding"], "entry won forward", [0, 2, 0], "TTF"),
        (18, [APP, QUAL, PRES, QUAL], "entry forward forward backward", [0, 0, 0, 0], "TTTF"),
        (19, [APP, QUAL, CONTRACT], "entry forward forward", [0, 0, 1], "TTT"),
        (26, [APP], "entry", [0], "T"),
        (30, [APP], "entry", [0], "T"),
        (32, [QUAL], "entry", [1], "T"),
    ],
)
def test_stays_of(con, deal_id, stages, types, skipped, first_reach):
    assert moves(con, deal_id) == stages
    assert moves(con, deal_id, "transition_type") == types.split()
    assert moves(con, deal_id, "exit_type") == [*types.split()[1:], None]
    assert moves(con, deal_id, "skipped_stages") == skipped
    assert moves(con, deal_id, "is_first_reach") == [flag == "T" for flag in first_reach]
    assert moves(con, deal_id, "is_current") == [False] * (len(stages) - 1) + [True]


def test_a_stay_ends_where_the_next_begins_to_the_millisecond(con):
    assert moves(con, 1, "duration_seconds") == [9 * 86400, 10 * 86400, 12 * 86400, 9 * 86400, None]
    assert moves(con, 15, "duration_seconds") == [86400, 0, 0, None]
    assert moves(con, 3, "is_latest_visit") == [False, False, True, True]
    assert moves(con, 30, "exited_at") == [None]


def test_stage_before_its_pipeline_is_one_move_into_the_new_pipeline(con):
    assert moves(con, 23, "pipeline_key", "strftime(entered_at, '%d %H:%M:%S.%g')") == [
        ("hubspot:default", "01 09:00:00.000"),
        ("hubspot:renewals", "02 09:00:00.000"),
    ]
    assert moves(con, 24, "pipeline_key") == ["hubspot:renewals", "hubspot:east"]


def test_a_snapshot_that_first_lists_a_stage_moves_its_deals_there(con):
    assert moves(con, 27, "pipeline_key") == ["hubspot:renewals"]


def test_values_at_entry_count_the_same_instant_and_keep_null_and_zero_apart(con):
    assert moves(con, 12, "amount_at_entry") == [None, 500, 0]
    assert moves(con, 13, "currency") == ["EUR", "USD"]


def test_merged_deals_have_events_and_no_stays(con):
    assert moves(con, 8) == moves(con, 9) == []
    assert moves(con, 10) == [APP]
    assert ledger(con, 9, "merged_into") == [("hubspot:8", "06-10", "object_diff")]
    assert ledger(con, 8, "merged_into") == [("hubspot:10", "07-10", "object_diff")]
    assert ledger(con, 9, "stage") == [(APP, "01-02", "history_api")]
    assert ledger(con, 404, "merged_into") == [("hubspot:10", "07-10", "object_diff")]
    assert con.execute("select * exclude merged_at from intermediate.int_merges order by 1").fetchall() == [
        ("hubspot:404", "hubspot:10"),
        ("hubspot:8", "hubspot:10"),
        ("hubspot:9", "hubspot:10"),
    ]


def test_deleted_restored_purged(con):
    assert ledger(con, 11, "deleted") == [("true", "06-15", "tombstone"), ("false", "07-15", "object_diff")]
    assert ledger(con, 20, "deleted") == [("true", "07-20", "sweep")]
    assert ledger(con, 34, "deleted") == [("true", "05-31", "tombstone")]
    # It came back: the absence was none. Archived twice: restored in between when it was last modified.
    assert ledger(con, 21, "deleted") == []
    assert ledger(con, 29, "deleted") == [
        ("true", "05-01", "tombstone"),
        ("false", "07-01", "object_diff"),
        ("true", "07-20", "tombstone"),
    ]
    assert {d: moves(con, d, "is_deleted", "exited_at") for d in (11, 20, 21, 29)} == {
        11: [(False, moves(con, 11, "exited_at")[0]), (False, None)],
        20: [(True, None)],
        21: [(False, moves(con, 21, "exited_at")[0]), (False, None)],
        29: [(True, None)],
    }


def test_what_does_not_parse_stands_aside(con):
    rejected = con.execute(
        "select record_id, reason, is_superseded from staging.stg_hubspot__rejected_deals order by all"
    ).fetchall()
    assert rejected == [
        ("25", "amount is not a number", False),
        ("26", "history entry of amount: value does not parse", False),
        ("26", "history entry of dealstage: timestamp is not a date", False),
    ]
    assert con.execute("select amount from intermediate.int_deals where deal_key = 'hubspot:25'").fetchone()[0] == 10


def test_values_without_history_and_removed_properties(con):
    assert ledger(con, 28, "amount") == [("10.00", "01-01", "history_api"), ("12.50", "01-09", "object_diff")]
    assert ledger(con, 32, "stage") == [(QUAL, "01-03", "synthetic_create")]
    # The portal no longer has the property: null on the record, but nobody cleared the amount.
    assert ledger(con, 31, "amount") == [("10.00", "01-01", "history_api")]
    assert ledger(con, 14, "close_date") == [
        ("2026-03-31T00:00:00.000000Z", "01-01", "history_api"),
        ("2026-04-02T00:00:00.000000Z", "04-02", "history_api"),
    ]


def test_recorded_at_is_ours_but_for_the_first_full_sync(con):
    rows = con.execute(
        "select new_value, recorded_at = effective_at, strftime(recorded_at, '%m-%d') from marts.fct_deal_events "
        "where deal_key = 'hubspot:19' and field = 'stage' order by effective_at"
    ).fetchall()
    assert rows == [(APP, True, "01-01"), (QUAL, False, "08-01"), (CONTRACT, True, "01-09")]


def test_stages_by_flags_names_and_places(con):
    found = dict(
        con.execute(
            "select split_part(stage_key, ':', 3) || '/' || split_part(stage_key, ':', 2), stage_category "
            "from marts.dim_stages"
        ).fetchall()
    )
    assert found == found | {
        "closedwon/default": "won",
        "closedlost/default": "lost",
        "e_won/east": "won",
        "e_lost/east": "lost",
        "e_new/east": "prospecting",
        "e_offer/east": "proposal",
        "e_onboarding/east": "fulfilment",
        "appointmentscheduled/default": "meeting",
        "qualifiedtobuy/default": "qualification",
        "contractsent/default": "closing",
        "legacy/default": "unknown",
    }


def test_versions_of_a_stage_that_went_and_came_back(con):
    rows = con.execute(
        "select stage_name, is_retired, strftime(valid_from, '%Y-%m-%d'), strftime(valid_to, '%m-%d'), is_assumed "
        "from marts.dim_stages_history where stage_key = 'hubspot:default:presentationscheduled' order by valid_from"
    ).fetchall()
    assert rows == [
        ("Presentation Scheduled", False, "1970-01-01", "07-01", True),
        ("Presentation Scheduled", True, "2026-07-01", "08-03", False),
        ("Presentation (new)", False, "2026-08-03", None, False),
    ]
    assert moves(con, 16) == [APP, PRES]
    retired = con.execute("select stage_key from marts.dim_stages where is_retired order by 1").fetchall()
    assert retired == [("hubspot:default:legacy",), ("hubspot:renewals:late_stage",)]


MUTATIONS = {
    "assert_stays_tile_a_deals_life": "update marts.fct_stage_transitions "
    "set exited_at = exited_at + interval '1 millisecond' where source_deal_id = '1' and visit_number = 2",
    "assert_stays_are_the_ledgers_stage_changes": "delete from marts.fct_stage_transitions "
    "where source_deal_id = '1' and visit_number = 5",
    "assert_last_event_is_the_objects_value": "update intermediate.int_deal_events set value = '11.00' "
    "where deal_key = 'hubspot:28' and field = 'amount'",
    "assert_ledger_is_a_chain": "update marts.fct_deal_events set old_value = null where deal_key = 'hubspot:28' "
    "and field = 'amount' and new_value = '12.50'",
    "assert_no_survivor_was_merged_away": "update intermediate.int_merges set survivor_deal_key = 'hubspot:8' "
    "where loser_deal_key = 'hubspot:9'",
    "assert_stage_versions_tile": "delete from marts.dim_stages_history where is_retired and not is_assumed",
    "assert_stage_map_periods_do_not_overlap": "insert into staging.stage_map values "
    "('hubspot', 'default', 'x', 'proposal', null, null), ('hubspot', 'default', 'x', 'closing', '2026-01-01', null)",
}


@pytest.mark.parametrize("check", MUTATIONS)
def test_each_invariant_can_fail(warehouse, compiled, con, tmp_path, check):
    copy = tmp_path / "warehouse.duckdb"
    copy.write_bytes(warehouse.read_bytes())
    with duckdb.connect(str(copy)) as broken:
        assert broken.execute(compiled[check]).fetchall() == []
        broken.execute(MUTATIONS[check])
        assert len(broken.execute(compiled[check]).fetchall()) > 0

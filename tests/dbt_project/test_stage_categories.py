"""Who decides what a stage means: funnel.yml, then the dated seed, then flags, then names, probability and order."""

import pytest
from raw import add, deal, pipeline, set_as_of

PIPELINE = pipeline(
    "p",
    [
        ("one", "Phase 1", "false", "0.1"),
        ("two", "Phase 2", "false", "0.35"),
        ("three", "Phase 3", "false", None),
        ("test", "Test deals", "true", "0.0"),
        ("won", "Closed won", "true", "1.0"),
    ],
)


@pytest.fixture
def stages(chain):
    """Runs the chain over one pipeline; gives {stage id: (category, inferred)} as of an instant."""
    add(chain.con, "deal_pipelines", [PIPELINE], extracted_at="2026-02-01T00:00:00Z")
    add(chain.con, "deals", [deal(1, {"dealstage": [("2026-01-01T00:00:00Z", "gone")], "pipeline": []})])
    chain.con.execute("truncate meta.configured_stages; truncate staging.stage_map")

    def run(as_of="2026-12-01T00:00:00Z"):
        set_as_of(chain.con, as_of)
        chain.run("int_stages")
        rows = chain.rows("select stage_id, stage_category, is_category_inferred from intermediate.int_stages")
        return {stage: (category, inferred) for stage, category, inferred in rows}

    yield run
    chain.con.execute("truncate meta.configured_stages; truncate staging.stage_map")
    set_as_of(chain.con, "2026-12-01T00:00:00Z")


def test_inference_by_probability_then_order_and_flags_for_the_rest(stages):
    assert stages() == {
        "one": ("prospecting", True),
        "two": ("meeting", True),
        "three": ("negotiation", True),  # the third of three open ones: 3/4
        "test": ("lost", False),
        "won": ("won", False),
        "gone": ("unknown", False),
    }


def test_configuration_beats_the_seed_and_the_seed_beats_flags(chain, stages):
    chain.con.execute("insert into meta.configured_stages values ('hubspot', 'p', 'test', 'void')")
    chain.con.execute(
        "insert into staging.stage_map values ('hubspot', 'p', 'test', 'proposal', null, null), "
        "('hubspot', 'p', 'one', 'qualification', null, null), ('other', 'p', 'two', 'closing', null, null)"
    )
    found = stages()
    assert found["test"] == ("void", False)
    assert found["one"] == ("qualification", False)
    assert found["two"] == ("meeting", True)
    assert chain.rows("select is_lost, is_void, is_open from intermediate.int_stages where stage_id = 'test'") == [
        (False, True, False)
    ]


def test_a_dated_row_of_the_seed_opens_a_version(chain, stages):
    chain.con.execute(
        "insert into staging.stage_map values ('hubspot', 'p', 'one', 'meeting', null, '2026-04-30'), "
        "('hubspot', 'p', 'one', 'proposal', '2026-05-01', '2026-05-31')"
    )
    assert stages("2026-04-30T12:00:00Z")["one"] == ("meeting", False)
    assert stages("2026-05-31T12:00:00Z")["one"] == ("proposal", False)
    assert stages()["one"] == ("prospecting", True)
    rows = chain.rows(
        "select stage_category, strftime(valid_from, '%Y-%m-%d'), strftime(valid_to, '%Y-%m-%d') "
        "from intermediate.int_stage_versions where stage_key = 'hubspot:p:one' order by valid_from"
    )
    assert rows == [
        ("meeting", "1970-01-01", "2026-05-01"),
        ("proposal", "2026-05-01", "2026-06-01"),
        ("prospecting", "2026-06-01", None),
    ]


def test_a_colon_in_an_id_is_encoded(chain):
    add(chain.con, "deal_pipelines", [pipeline("a:b", [("c:d", "C", "false", "0.5")])])
    history = {"dealstage": [("2026-01-01T00:00:00Z", "c:d")], "pipeline": [("2026-01-01T00:00:00Z", "a:b")]}
    add(chain.con, "deals", [deal(1, history)])
    chain.run()
    assert chain.rows("select pipeline_key, to_stage_key from marts.fct_stage_transitions") == [
        ("hubspot:a%3Ab", "hubspot:a%3Ab:c%3Ad")
    ]


def test_retired_stages_keep_their_place_between_their_neighbours(chain):
    names = ("a", "b", "c", "d", "e")
    add(chain.con, "deal_pipelines", [pipeline("p", [(n, n, "false", "0.5") for n in names])])
    add(chain.con, "deal_pipelines", [pipeline("p", [(n, n, "false", "0.5") for n in ("b", "e")])])
    chain.run("int_stages")
    rows = chain.rows("select stage_id, position, reachable_before from intermediate.int_stages order by position")
    assert rows == [
        ("a", 0.5, 0),
        ("b", 1, 0),
        ("c", pytest.approx(4 / 3), 1),
        ("d", pytest.approx(5 / 3), 1),
        ("e", 2, 1),
    ]


def test_two_portals_with_the_same_ids_stay_apart(chain):
    for source in ("hubspot", "emea"):
        add(chain.con, "deal_pipelines", [pipeline("p", [("a", source, "false", "0.5")])], source=source)
        history = {"dealstage": [("2026-01-01T00:00:00Z", "a")], "pipeline": [("2026-01-01T00:00:00Z", "p")]}
        add(chain.con, "deals", [deal(1, history)], source=source)
    chain.run()
    assert chain.rows("select deal_key, to_stage_key, visit_number from marts.fct_stage_transitions order by 1") == [
        ("emea:1", "emea:p:a", 1),
        ("hubspot:1", "hubspot:p:a", 1),
    ]

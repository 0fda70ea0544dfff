"""The waterfall over random portals: row for row what plain Python says, and the tests of the project hold."""

import re
from collections import Counter
from datetime import datetime
from decimal import Decimal

import movements_oracle as oracle
import movements_world as world
import pytest
from chain import Chain, ancestors
from conftest import PROJECT

OPERATIONS = PROJECT.parent / "docs" / "operations.md"
WINS = re.search(r"-- wins by the move.*?```", OPERATIONS.read_text(), re.S).group().removesuffix("```")
AS_OF, PORTALS = datetime.fromisoformat(world.AS_OF), 20
ENTERING = {"created", "reopened", "pulled_in", "pipeline_in", "owner_in"}
LEAVING = {"pushed_out", "pipeline_out", "won", "lost", "void", "owner_out"}
WORDS = ENTERING | LEAVING | {"opening", "increased", "decreased", "fx", "closing"}
HELD = ("marts_waterfall_adds_up", "marts_waterfall_wins_are_the_sales")


@pytest.fixture(scope="module")
def built(dbt, compiled) -> Chain:
    """A warehouse with the waterfall of twenty portals."""
    chain = Chain(compiled)
    world.fill(chain.con, PORTALS)
    chain.build(
        ancestors(
            dbt.target, "fct_deal_events", "fct_won_revenue", "int_sales_closings", "mart_pipeline_waterfall_monthly"
        )
    )
    return chain


@pytest.fixture(scope="module")
def theirs(built) -> Counter:
    return oracle.movements(built.con, AS_OF)


def test_every_movement_is_what_plain_python_says(built, theirs):
    ours = Counter(built.rows(
        "select month, deal_key, pipeline_key, owner_key, basis, movement, amount, currency, occurred_at "
        "from marts.fct_pipeline_movements"
    ))  # fmt: skip
    assert sorted((ours - theirs).elements(), key=repr)[:3] == []
    assert sorted((theirs - ours).elements(), key=repr)[:3] == []
    assert {row[5] for row in ours} == WORDS
    assert len({row[1] for row in ours}) > PORTALS * 50


def test_every_cell_of_the_monthly_waterfall_is_what_plain_python_says(built, theirs):
    amounts, counts = Counter(), Counter()
    for (month, _, pipeline, _, basis, movement, amount, currency, _), times in theirs.items():
        amounts[month, basis, pipeline, currency, movement] += times * (amount or Decimal(0))
        counts[month, basis, pipeline, currency, movement] += times
    cells = built.rows(
        "select month, basis, pipeline_key, currency, "
        + ", ".join(f"{word}_amount, {word}_count" for word in sorted(WORDS))
        + " from marts.mart_pipeline_waterfall_monthly"
    )
    found = {(*row[:4], word): row[4 + 2 * n : 6 + 2 * n] for row in cells for n, word in enumerate(sorted(WORDS))}
    assert counts.keys() <= found.keys()
    assert {key: (amounts[key], counts[key]) for key in found} == found
    months, pairs = {row[0] for row in cells}, {row[2:4] for row in cells}
    assert len(cells) == 3 * len(months) * len(pairs)
    assert len(months) == 7


def test_the_projects_own_tests_hold_and_can_fail(built):
    for name in HELD:
        assert built.rows(built.compiled[name])[:3] == [], name
    rows = "marts.fct_pipeline_movements"
    harm = {
        f"delete from {rows} where movement = '{{}}' and basis = 'close_in_month'": WORDS,
        f"update {rows} set amount = amount + 0.01 where movement = '{{}}' and amount <> 0": WORDS,
        f"update {rows} set owner_key = 'nobody' where movement = '{{}}'": LEAVING | ENTERING,
        f"update {rows} set occurred_at = occurred_at - interval '31 days' where movement = '{{}}'": WORDS,
    }
    for statement, words in harm.items():
        for word in sorted(words):
            assert_found(built, "marts_waterfall_adds_up", statement.format(word))
    assert_found(built, "marts_waterfall_wins_are_the_sales", f"delete from {rows} where movement = 'won'")


def assert_found(built, name, statement):
    built.con.execute("begin")
    built.con.execute(statement)
    found = built.rows(built.compiled[name])
    built.con.execute("rollback")
    assert found != [], statement


def test_wins_differ_from_the_sales_by_the_deals_that_are_listed(built):
    """Month by month: wins here less wins in mart_sales_* are the listed deals, and each has its reason."""
    here = Counter(built.rows(
        "select month, deal_key from marts.fct_pipeline_movements where basis = 'all_open' and movement = 'won'"
    ))  # fmt: skip
    there = Counter(built.rows("select month, deal_key from intermediate.int_sales_closings where outcome = 'won'"))
    listed = built.rows(WINS)
    assert here - there == Counter((month, deal) for deal, month, _, _ in listed if month)
    assert there - here == Counter((month, deal) for deal, _, month, _ in listed if month)
    reasons = Counter(reason for *_, reason in listed)
    assert set(reasons) == {"months differ", "undone since", "deleted since", "won while deleted"}
    assert reasons["months differ"] > 20

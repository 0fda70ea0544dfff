"""A refresh within a month keeps what past month ends were said to bring, and says what a build from nothing says."""

from dataclasses import replace

import duckdb
import numpy as np
import pandas as pd
import pytest

from forecasting import past
from forecasting.coded import held_records, kept_rows
from forecasting.histories import LOST, OPEN, WON, Histories
from forecasting.past import basis, past_of
from forecasting.tables import forecast_table, read
from tests.expectations.forecast_tables import columns
from tests.forecasting.lives import generated

BEFORE, NOW = np.datetime64("2023-12-11T00:00:00", "us"), np.datetime64("2023-12-12T01:00:00", "us")
LAST = 2023 * 12 + 10
TABLE = "intermediate.int_forecast"
WORLD = generated("sparse")
QUOTAS = {("o0", 2023 * 12 + month): 40_000.0 for month in range(12)}


def moved(h: Histories, deal: int, at: str, kind: int) -> Histories:
    """h and one row more: what the deal was in its last row, of another kind from `at` on."""
    row = np.flatnonzero(h.deal == deal)[-1:]
    order = np.argsort(np.concatenate((h.deal, h.deal[row])), kind="stable")
    more = {"at": np.array([at], dtype="M8[us]"), "kind": np.array([kind])}
    names = ("deal", "stage", "amount", "close_month", "revenue_month", "segment", "probability")
    return replace(h, **{
        name: np.concatenate((getattr(h, name), more.get(name, getattr(h, name)[row])))[order]
        for name in (*more, *names)
    })  # fmt: skip


def known(h: Histories) -> Histories:
    return h.before(BEFORE)


def last_of(h: Histories, kind: int) -> int:
    """A deal whose last row before BEFORE is of that kind, the win before the month began."""
    last = known(h)
    month_began = np.datetime64("2023-12-01")
    return int(last.deal[last.is_last & (last.kind == kind) & (last.at < month_began)][-1])


def test_the_refresh_of_a_month_is_the_build_from_nothing(monkeypatch):
    """In the day since a deal was won, another one's win of an earlier month undone, and a deal was created."""
    monkeypatch.setattr(past, "ORIGINS", 4)
    undone, won = last_of(WORLD, WON), last_of(WORLD, OPEN)
    world = moved(moved(known(WORLD), undone, "2023-12-11T10:00", LOST), won, "2023-12-11T11:00", WON)
    world = moved(world, int(world.deal[0]), "2023-12-11T12:00", OPEN)
    first = pd.DataFrame(forecast_table(*columns(WORLD, BEFORE), BEFORE, 4, QUOTAS, version="a"))
    told = []
    with duckdb.connect() as con:
        con.execute(f"create schema intermediate; create table {TABLE} as from first")

        def held(rests_on: str):
            told.append(held_records(con, TABLE, rests_on))
            return told[-1]

        made = pd.DataFrame(forecast_table(*columns(world, NOW), NOW, 4, QUOTAS, None, held, "a"))
        both = con.execute(f"from made union all by name {kept_rows(TABLE)}").df()
        afresh = pd.DataFrame(forecast_table(*columns(world, NOW), NOW, 4, QUOTAS, version="a"))  # noqa: F841 by name
        con.execute("create table afresh as from afresh")
        whole = con.execute("from afresh").df()
        assert held_records(con, TABLE, "another basis") is None
        assert held_records(con, "intermediate.of_no_build", "any") is None
    assert told[0] is not None
    remade = {"judged", "period", "basis", "current", "owner", "current_period", "weighted", "odds", "outlook"}
    assert set(made["record"]) == remade
    names = list(whole.columns)
    pd.testing.assert_frame_equal(
        both[names].sort_values(names, ignore_index=True), whole.sort_values(names, ignore_index=True),
        check_exact=True, check_dtype=False,
    )  # fmt: skip
    judged = [
        frame[(frame["record"] == "judged") & (frame["method"] != "funnel_current")].reset_index(drop=True)
        for frame in (first, whole)
    ]
    assert (judged[0]["forecast"] == judged[1]["forecast"]).all()
    assert (judged[0]["actual"] != judged[1]["actual"]).any()  # the undone win came of no forecast


@pytest.mark.parametrize("other", ["backdated", "quota", "fiscal_year", "next_month"])
def test_what_past_figures_rest_on_is_noticed(other):
    def rests_on(h, last=LAST, fiscal_start=1, quotas=QUOTAS):
        w = read(*columns(h, NOW), NOW)
        return basis(past_of(w, last, fiscal_start, quotas))

    won = last_of(WORLD, OPEN)
    same = rests_on(known(WORLD))
    assert rests_on(moved(known(WORLD), won, "2023-12-05", WON)) == same
    changed = {
        "backdated": lambda: rests_on(moved(known(WORLD), won, "2023-11-30T23:59", WON)),
        "quota": lambda: rests_on(known(WORLD), quotas=QUOTAS | {("o1", LAST): 1.0}),
        "fiscal_year": lambda: rests_on(known(WORLD), fiscal_start=4),
        "next_month": lambda: rests_on(known(WORLD), last=LAST + 1),
    }
    assert changed[other]() != same


def test_what_open_deals_are_to_bring_adds_up_over_types_and_sources():
    """As each deal's outlook has it: its number says pipeline and owner (even: 0), by threes its type and source."""
    made = pd.DataFrame(forecast_table(*columns(WORLD, BEFORE), BEFORE, 4, QUOTAS, version="a"))
    told = made[(made.record == "weighted") & (made.as_of_month == pd.Timestamp("2023-12-01"))]
    outlook = made[made.record == "outlook"]
    number = outlook.deal_key.str.removeprefix("hubspot:").map({
        key: place for place, key in enumerate(np.unique(WORLD.deal[WORLD.at < BEFORE]).astype(str))
    })  # fmt: skip
    expected = outlook.forecast.groupby([number % 2, number % 3]).sum()
    kinds = ["", "renewal\x1fADS", "upsell\x1f"]
    found = {(row.segment, row.owner_key, row.note): row.forecast for row in told.itertuples()}
    assert found == pytest.approx({(f"p{a}", f"o{a}", kinds[b]): value for (a, b), value in expected.items()})
    assert len(found) == 6

"""The estimators of macros/survival.sql against lifelines on random lives, and against answers worked out by hand.

The macros are plain Jinja: rendered without dbt, run by DuckDB; what is there that only DuckDB understands, a portable
engine (SQLite) would refuse, so the same SQL is run by it too.
"""

import math
import sqlite3
import warnings

import duckdb
import numpy as np
import pandas as pd
import pytest
from conftest import PROJECT
from jinja2 import Environment
from lifelines import AalenJohansenFitter, KaplanMeierFitter

SQL = Environment().from_string((PROJECT / "macros/survival.sql").read_text()).module
QUANTILES = (0.5, 0.75, 0.9)
KM = f"""select world, {", ".join(SQL.km_quantile(q) for q in QUANTILES)}
    from ({SQL.kaplan_meier("lives", ["world"])}) as km group by world order by world"""
AJ = f"""select world, eventual, {SQL.log_log_low("eventual", "variance")}, {SQL.log_log_high("eventual", "variance")},
    median_days, variance, n, n_reached, n_competing
    from ({SQL.aalen_johansen("lives", ["world"])}) as aj order by world"""
KM_CURVE = f"""select world, days, surviving from ({SQL.kaplan_meier("lives", ["world"])}) as km"""
WORLDS = 25


def world(seed: int) -> pd.DataFrame:
    """Lives of one random world: days, event (0 censored, 1 asked for, 2 competing), from a handful to some hundred."""
    random = np.random.default_rng(seed)
    n = int(random.integers(5, 400))
    days = random.exponential(random.uniform(1, 60), n) + 1e-3
    censored_at = random.uniform(0, random.uniform(20, 200), n) + 1e-3
    event = np.where(days <= censored_at, random.choice([1, 2], n, p=[0.6, 0.4]), 0)
    return pd.DataFrame({"world": seed, "days": np.minimum(days, censored_at), "event": event})


def in_duckdb(lives: pd.DataFrame, query: str) -> list[tuple]:
    with duckdb.connect() as con:
        con.execute("create table lives as select *, cast(event <> 0 as integer) as is_event from lives")
        return con.execute(query).fetchall()


def in_sqlite(lives: pd.DataFrame, query: str) -> list[tuple]:
    con = sqlite3.connect(":memory:")
    for name, function in {"exp": math.exp, "sqrt": math.sqrt, "ln": math.log}.items():
        con.create_function(name, 1, lambda x, f=function: None if x is None else f(x))
    con.create_function("power", 2, pow)
    lives.assign(is_event=(lives["event"] != 0).astype(int)).to_sql("lives", con, index=False)
    try:
        return con.execute(query).fetchall()
    finally:
        con.close()


ENGINES = {"duckdb": in_duckdb, "sqlite": in_sqlite}


def lives_of(*rows: tuple[float, int]) -> pd.DataFrame:
    return pd.DataFrame([(1, days, event) for days, event in rows], columns=["world", "days", "event"])


@pytest.fixture(scope="module")
def worlds() -> pd.DataFrame:
    return pd.concat([world(seed) for seed in range(WORLDS)])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("step", [None, 1.0])
def test_kaplan_meier_is_that_of_lifelines(worlds, engine, step):
    """Once with lives of their own length each, once in whole days: many end on the same day."""
    lives = worlds if step is None else worlds.assign(days=np.ceil(worlds["days"] / step) * step)
    found = ENGINES[engine](lives, KM)
    nulls = 0
    for (seed, *quantiles), (_, part) in zip(found, lives.groupby("world"), strict=True):
        curve = KaplanMeierFitter().fit(part["days"], part["event"] != 0).survival_function_.iloc[:, 0]
        for share, days in zip(QUANTILES, quantiles, strict=True):
            # their own quantile takes 0.5000000000000001 for more than a half: here it counts as reached
            reached = curve.index[curve <= 1 - share + 1e-9]
            nulls += days is None
            assert days == (pytest.approx(reached[0], abs=1e-6) if len(reached) else None), (seed, share)
    assert 5 < nulls < WORLDS * 2  # both kinds are there: quantiles reached and not reached
    curves = ENGINES[engine](lives, f"{KM_CURVE} order by world, days")
    theirs = [
        survival
        for _, part in lives.groupby("world")
        for survival in KaplanMeierFitter().fit(part["days"], part["event"] != 0).survival_function_.iloc[1:, 0]
    ]
    assert [surviving for _, _, surviving in curves] == pytest.approx(theirs, abs=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_aalen_johansen_is_that_of_lifelines(worlds, engine):
    inside = 0
    for (seed, eventual, low, high, median, variance, *counts), (_, part) in zip(
        ENGINES[engine](worlds, AJ), worlds.groupby("world"), strict=True
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # lifelines divides by 0 where the last life of all ends
            theirs = AalenJohansenFitter().fit(part["days"], part["event"], event_of_interest=1)
        curve = theirs.cumulative_density_.iloc[:, 0]
        assert eventual == pytest.approx(curve.iloc[-1], abs=1e-6), seed
        half = curve[curve >= 0.5 - 1e-9]
        assert median == (pytest.approx(half.index[0], abs=1e-6) if len(half) else None), seed
        assert counts == [len(part), (part["event"] == 1).sum(), (part["event"] == 2).sum()]
        # where the last life ends in an event, lifelines has no variance there: nothing is known of it but before
        if 0 < eventual < 1 and np.isfinite(theirs.variance_.iloc[-1]):
            bounds = theirs.confidence_interval_.iloc[-1].sort_values().tolist()
            assert [low, high] == pytest.approx(bounds, abs=1e-6), seed
            assert variance == pytest.approx(theirs.variance_.iloc[-1], abs=1e-9)
            inside += 1
    assert inside > WORLDS / 2


@pytest.mark.parametrize("engine", ENGINES)
def test_three_visitors_of_a_stage(engine):
    """METRICS.md: 10 d done, 20 d done, 60 d still there: median 20, the upper quartile is not reached."""
    assert ENGINES[engine](lives_of((10, 1), (20, 1), (60, 0)), KM) == [(1, 20, None, None)]


@pytest.mark.parametrize("engine", ENGINES)
def test_without_censoring_the_estimate_is_the_share(engine):
    """Ten lives, three at once and at day 0 reach, one loses with two others that reach: 5 of 10, variance p(1-p)/n."""
    lives = lives_of(*[(0, 1)] * 3, (4, 1), (4, 1), (4, 2), *[(9, 2)] * 4)
    ((_, eventual, low, high, median, variance, n, reached, competing),) = ENGINES[engine](lives, AJ)
    assert (eventual, median, n, reached, competing) == (pytest.approx(0.5), 4, 10, 5, 5)
    assert variance == pytest.approx(0.025)
    # log(-log) scale by hand: se = sqrt(.025) / (.5 ln 2) = .45622, .5 ** exp(±1.96 se)
    assert (low, high) == (pytest.approx(0.18364, abs=1e-4), pytest.approx(0.75318, abs=1e-4))


@pytest.mark.parametrize("engine", ENGINES)
def test_open_lives_are_neither_losses_nor_left_out(engine):
    """Reached on day 1 (of 4), one censored on day 2, lost on day 3 (of 2), open at day 9: 1/4 in the end, by day 9;
    with the censored one left out it would be 1/3, and 1 - Kaplan-Meier of the losses says something else."""
    lives = lives_of((1, 1), (2, 0), (3, 2), (9, 0))
    ((_, eventual, *_),) = ENGINES[engine](lives, AJ)
    assert eventual == pytest.approx(0.25)
    # one more that reaches at day 5 counts for what is left then: 3/4 × 1/2 still undecided
    ((_, eventual, *_),) = ENGINES[engine](lives_of((1, 1), (2, 0), (3, 2), (5, 1)), AJ)
    assert eventual == pytest.approx(0.25 + 0.75 * 0.5)


def test_nobody_and_everybody_have_no_interval_of_this_kind():
    ((_, eventual, low, high, median, *_),) = in_duckdb(lives_of((1, 2), (2, 0)), AJ)
    assert (eventual, low, high, median) == (0, None, None, None)
    ((_, eventual, low, high, median, *_),) = in_duckdb(lives_of((1, 1), (2, 1)), AJ)
    assert (eventual, low, high, median) == (1, None, None, 1)


def test_a_weighted_row_stands_for_that_many_lives():
    with duckdb.connect() as con:
        con.execute(
            "create table lives as from (values (1, 2, 1, 3), (1, 5, 0, 2), (1, 7, 1, 1)) "
            "lives (world, days, is_event, times)"
        )
        weighted = con.execute(SQL.kaplan_meier("lives", ["world"], "times") + " order by days").fetchall()
    assert weighted == [
        (1, 2, 3, 6, pytest.approx(0.5)),
        (1, 5, 0, 3, pytest.approx(0.5)),
        (1, 7, 1, 1, pytest.approx(0)),
    ]

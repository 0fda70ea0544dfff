"""Sums over months: means add up, quantiles are the sum's own, single months stay what the vintage says."""

import numpy as np
import pytest

from forecasting.backtest import vintage_rows
from forecasting.histories import histories, month_number, month_start
from forecasting.periods import Period, periods, vintage_periods
from forecasting.simulation import DRAWS, _one_by_one, generator, on_marginals
from forecasting.study import study
from forecasting.vintage import point
from tests.forecasting.lives import generated, last_month


def test_fiscal_periods_are_those_of_a_year_that_starts_in_april():
    march = month_number("2026-03")
    found = periods(march, 9, 4)
    assert [p for p in found if p.kind == "cumulative"] == [
        Period("cumulative", march, march + k, True) for k in range(9)
    ]
    assert [p for p in found if p.kind == "fiscal_quarter"] == [
        Period("fiscal_quarter", month_number("2026-01"), march, True),
        Period("fiscal_quarter", month_number("2026-04"), month_number("2026-06"), True),
        Period("fiscal_quarter", month_number("2026-07"), month_number("2026-09"), True),
        Period("fiscal_quarter", month_number("2026-10"), month_number("2026-11"), False),
    ]
    assert [p for p in found if p.kind == "fiscal_year"] == [
        Period("fiscal_year", month_number("2025-04"), march, True),
        Period("fiscal_year", month_number("2026-04"), month_number("2026-11"), False),
    ]


def test_sums_of_means_and_quantiles_of_sums():
    plain = generated("seasonal")
    h = histories(plain.deal, plain.at, plain.stage, plain.kind, plain.amount, plain.close_month,
                  segment=plain.deal % 2, segments=("a", "b"))  # fmt: skip
    last = last_month(h)
    as_of = last - 4
    s = study(h, last)
    rows = vintage_periods(s, as_of, 1, last, {"pipeline": s})
    monthly = {(r.segment, r.horizon): r for r in vintage_rows(s, as_of) if r.component == "total"}
    for name in ("all", "a", "b"):
        cumulative = [r for r in rows if r.segment == name and r.period.kind == "cumulative"]
        assert [r.period.last - as_of for r in cumulative] == list(range(1, 10))
        one = monthly[name, 1]
        assert [cumulative[0].p10, cumulative[0].p50, cumulative[0].p90] == pytest.approx(
            [one.p10, one.p50, one.p90], rel=0.01
        )
        for r in cumulative[1:]:
            mine = [monthly[name, k] for k in range(1, r.period.last - as_of + 1)]
            assert r.expected == pytest.approx(sum(m.expected for m in mine), rel=1e-12)
            assert sum(m.p10 for m in mine) < r.p10 < r.p50 < r.p90 < sum(m.p90 for m in mine)
    # a year that is half over: what was won of it is certain
    [year] = [r for r in rows if r.segment == "all" and r.period.kind == "fiscal_year" and r.period.first <= as_of]
    won = s.spells.value[(s.spells.end_kind == 1) & (s.spells.end > last - 12) & (s.spells.end <= as_of)].sum()
    assert year.so_far == pytest.approx(won)
    assert year.expected == pytest.approx(won + sum(monthly["all", k].expected for k in range(1, 5)))
    came = s.spells.value[(s.spells.end_kind == 1) & (s.spells.end > last - 12) & (s.spells.end <= last)].sum()
    assert year.actual == pytest.approx(came)
    assert won < year.p10


def test_the_same_data_give_the_same_draws_whatever_came_later():
    h = generated("sparse")
    as_of = last_month(h) - 6
    seen = h.before(month_start(as_of + 1))
    first = vintage_periods(study(h, as_of + 6), as_of, 1, as_of)
    second = vintage_periods(study(seen, as_of), as_of, 1, as_of)
    assert [r.p90 for r in first] == pytest.approx([r.p90 for r in second], rel=1e-9)
    assert point(study(seen, as_of), as_of).total.sum() > 0


def test_a_deal_is_won_in_one_month_at_most():
    won = np.zeros((1, 9))
    won[0, [1, 4]] = 0.5, 0.3
    drawn = _one_by_one(won, np.array([100.0]), generator(1, "x"))
    assert ((drawn > 0).sum(axis=1) <= 1).all()
    assert (drawn > 0).mean(axis=0)[[1, 4]] == pytest.approx([0.5, 0.3], abs=0.03)
    assert drawn.sum() / DRAWS == pytest.approx(80, rel=0.04)


def test_equal_draws_do_not_go_together():
    """Months in which nearly every draw is nothing are ranked at random, not by position in each alike."""
    values = np.vstack([np.arange(DRAWS, dtype=float)] * 2)
    found = on_marginals(np.zeros((DRAWS, 2)), values, generator(1, "y"))
    assert abs(np.corrcoef(found.T)[0, 1]) < 0.06
    ranked = on_marginals(np.column_stack([np.arange(DRAWS)] * 2), values, generator(1, "y"))
    assert np.corrcoef(ranked.T)[0, 1] == pytest.approx(1)

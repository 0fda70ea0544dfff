"""What holds of every forecast: no look-ahead, sums, order of quantiles, cold starts, and no NaN on bad input."""

import numpy as np
import pytest
from lifelines import AalenJohansenFitter

from benchmarks.forecast_worlds import KINDS
from forecasting import calibration
from forecasting.backtest import default_origins, judged_rows, vintage_rows
from forecasting.hazards import HORIZONS, endings, fit_hazards, outcome_probabilities, weigh
from forecasting.histories import LOST, NO_MONTH, OPEN, WON, histories, month_number, month_start
from forecasting.inflow import level_break
from forecasting.new_business import created_by_month, new_business
from forecasting.spells import won_by_month
from forecasting.study import study
from forecasting.vintage import point, quantiles
from tests.forecasting.lives import generated, last_month, of

LEVELS = np.array([0.1, 0.5, 0.9])


@pytest.mark.parametrize("kind", ["seasonal", "sparse"])
def test_data_cut_at_a_month_end_gives_what_the_whole_data_gives(kind):
    h = generated(kind)
    as_of = last_month(h) - 12
    whole, cut = study(h, as_of + 12), study(h.before(month_start(as_of + 1)), as_of)
    for of_whole, of_cut in ((point(whole, as_of).total, point(cut, as_of).total),
                             (quantiles(whole, as_of, LEVELS), quantiles(cut, as_of, LEVELS))):  # fmt: skip
        np.testing.assert_allclose(of_whole, of_cut, rtol=1e-9)


def test_a_planted_future_changes_nothing():
    """Every open deal's amount ×10, stage and date moved right after the month end: the vintage must not see it."""
    h = generated("sparse")
    as_of = last_month(h) - 10
    later = h.at >= month_start(as_of + 1)
    planted = histories(
        h.deal, h.at, np.where(later, 0, h.stage), h.kind, np.where(later, h.amount * 10, h.amount),
        np.where(later, h.close_month + 7, h.close_month), probability=h.probability,
    )  # fmt: skip
    first, second = study(h, as_of + 10), study(planted, as_of + 10)
    assert (first.panel.amount[first.open_at(as_of)] > 0).any()
    np.testing.assert_allclose(point(first, as_of).total, point(second, as_of).total, rtol=1e-9)
    assert (
        won_by_month(second.spells, as_of + 1, as_of + 3).sum()
        > 5 * won_by_month(first.spells, as_of + 1, as_of + 3).sum()
    )


def test_one_stratum_equals_aalen_johansen_of_lifelines():
    random = np.random.default_rng(5)
    size = 4000
    stay, kind = random.geometric(0.2, size), np.where(random.random(size) < 0.4, WON, LOST)
    months = np.full(size, 100)
    one, follow_up = np.zeros(size, dtype=np.int64), 7
    weighed = weigh(one, 1, endings(months, months + stay, kind, follow_up), np.full(size, 0.5))
    hazards = fit_hazards(weighed, [one[:1]])
    won, lost = outcome_probabilities(hazards.win, hazards.lose, np.ones(HORIZONS))
    seen = np.where(stay <= follow_up, np.where(kind == WON, 1, 2), 0)
    for event, ours in ((1, won), (2, lost)):
        fitter = AalenJohansenFitter(calculate_variance=False, jitter_level=1e-9, seed=1)
        until = np.where(stay <= follow_up, stay + random.random(size) * 1e-4, follow_up + 0.4)
        fitter.fit(until, seen, event_of_interest=event)
        theirs = fitter.cumulative_density_
        for month in range(1, follow_up + 1):
            expected = theirs[theirs.index < month + 0.5].iloc[-1, 0]
            # ties within a month are one event for us and a sequence for lifelines: 1/n apart
            assert ours[0, :month].sum() == pytest.approx(expected, abs=2e-3)


def test_components_and_segments_add_up_and_quantiles_are_in_order():
    plain = generated("seasonal")
    h = histories(plain.deal, plain.at, plain.stage, plain.kind, plain.amount, plain.close_month,
                  segment=plain.deal % 3, segments=("a", "b", "c"))  # fmt: skip
    as_of = last_month(h) - 9
    s = study(h, as_of)
    rows = vintage_rows(s, as_of)
    assert len(rows) == 4 * 4 * HORIZONS
    of_row = {(r.component, r.segment, r.horizon): r for r in rows}
    for horizon in range(1, HORIZONS + 1):
        total = of_row["total", "all", horizon]
        parts = [of_row[c, "all", horizon].expected for c in ("booked", "open_pipeline", "new_business")]
        assert sum(parts) == pytest.approx(total.expected, rel=1e-12)
        for component in ("open_pipeline", "new_business", "total"):
            split = [of_row[component, name, horizon].expected for name in "abc"]
            assert sum(split) == pytest.approx(of_row[component, "all", horizon].expected, rel=1e-9)
            assert component == "new_business" or horizon > 4 or min(split) > 0
        assert 0 < total.p10 < total.p50 < total.p90
        # each segment is relatively less certain than the whole
        assert of_row["total", "a", horizon].p90 / of_row["total", "a", horizon].p10 > total.p90 / total.p10


def test_each_deal_is_won_lost_or_open():
    h = generated("sparse")
    opened = point(study(h, last_month(h)), last_month(h) - 5).opened
    still = 1 - opened.won.sum(axis=1) - opened.lost.sum(axis=1)
    assert len(still) > 20
    assert ((opened.won >= 0).all(), (opened.lost >= 0).all(), (still >= -1e-12).all()) == (True, True, True)


def test_won_in_advance_is_booked():
    base = generated("sparse")
    as_of = last_month(base) - 3
    h = histories(
        np.append(base.deal, [90_001, 90_001]),
        np.append(base.at, month_start(np.array([as_of - 1, as_of]))),
        np.append(base.stage, [0, 5]), np.append(base.kind, [OPEN, WON]), np.append(base.amount, [900.0, 950.0]),
        np.append(base.close_month, [NO_MONTH, NO_MONTH]),
        revenue_month=np.append(np.full(len(base), NO_MONTH), [NO_MONTH, as_of + 2]),
    )  # fmt: skip
    assert point(study(h, as_of), as_of).booked.tolist() == [0, 950, 0, 0, 0, 0, 0, 0, 0]


def test_nothing_won_gives_no_rows_and_few_wins_are_marked_cold():
    lives = [(i, f"2026-0{1 + i % 4}-05", 1, "open", 100.0) for i in range(40)]
    never = study(of(lives), month_number("2026-05"))
    assert vintage_rows(never, month_number("2026-05")) == []
    some = study(of([*lives, (0, "2026-03-09", 9, "won", 100.0), (4, "2026-05-09", 9, "won", 120.0)]),
                 month_number("2026-05"))  # fmt: skip
    rows = vintage_rows(some, month_number("2026-05"))
    assert {row.method_version for row in rows} == {"landmark-3-cold"}
    total = next(row for row in rows if row.component == "total" and row.horizon == 1)
    assert 0 <= total.p10 < total.expected < total.p90


def _whale(h):
    amount = h.amount.copy()
    amount[h.deal == h.deal.max() - 3] = np.nansum(amount) / 2
    return amount


BAD = {
    "amounts null for a third": lambda h: {"amount": np.where(h.deal % 3 == 0, np.nan, h.amount)},
    "amounts zero for a third": lambda h: {"amount": np.where(h.deal % 3 == 0, 0.0, h.amount)},
    "negative amounts": lambda h: {"amount": np.where(h.deal % 7 == 0, -h.amount, h.amount)},
    "one whale of half the pipeline": lambda h: {"amount": _whale(h)},
    "all deals lost in a stage": lambda h: {"kind": np.where(h.stage == 2, LOST, h.kind)},
    "a stage never left": lambda h: {"kind": np.where(h.stage >= 4, OPEN, h.kind)},
    "no close date": lambda h: {"close_month": np.full(len(h), NO_MONTH)},
    "every close date in one month": lambda h: {"close_month": np.full(len(h), month_number("2023-12"))},
    "nothing won for the last year": lambda h: {
        "kind": np.where((h.kind == WON) & (h.at > month_start(last_month(h) - 12)), LOST, h.kind)
    },
    "one deal": lambda h: {"only": h.deal == 3},
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_survived_with_numbers(name):
    h = generated("sparse")
    change = BAD[name](h)
    if "only" in change:
        h, change = h.rows(change.pop("only")), {}
    fields = {"stage": h.stage, "kind": h.kind, "amount": h.amount, "close_month": h.close_month} | change
    h = histories(h.deal, h.at, probability=h.probability, **fields)
    last = last_month(h)
    s = study(h, last)
    rows = [row for as_of in (last - 7, last) for row in vintage_rows(s, as_of)]
    for row in rows:
        assert np.isfinite([row.expected, row.p10, row.p50, row.p90]).all(), row
        assert row.p10 <= row.p50 <= row.p90
    judged = judged_rows(s, rows, last)
    assert all(np.isfinite(row.forecast) and np.isfinite(row.actual) for row in judged)


def test_a_clean_up_and_a_doubled_inflow_are_survived():
    h = generated("shocked")
    last = last_month(h)
    s = study(h, last)
    totals = np.array([point(s, as_of).total for as_of in range(last - 20, last + 1)])
    assert np.isfinite(totals).all()
    assert (totals > 0).all()


def test_default_origins_have_a_year_of_wins():
    h = generated("sparse")
    s = study(h, last_month(h))
    origins = default_origins(s, last_month(h))
    assert origins[0] == s.first_won + 11
    assert origins[-1] == last_month(h)


@pytest.mark.parametrize("kind", ["seasonal"])
def test_it_beats_the_simple_methods_where_there_is_something_to_know(kind):
    """The bounds of docs/forecast-accuracy.md are measured over all kinds by `make bench`; this one guards the sign."""
    assert kind in KINDS
    h = generated(kind)
    last = last_month(h)
    s = study(h, last)
    rows = [row for as_of in range(last - 20, last) for row in vintage_rows(s, as_of)]
    error: dict[str, float] = {}
    for row in judged_rows(s, rows, last - 1):
        if row.component == "total" and row.horizon <= 3:
            error[row.method] = error.get(row.method, 0.0) + abs(row.forecast - row.actual)
    assert error["funnel"] < 0.95 * min(error[m] for m in ("naive", "mean_3m", "mean_6m", "mean_12m", "seasonal_naive"))
    assert error["funnel"] < 0.6 * error["weighted_pipeline"]


@pytest.mark.parametrize(("covered", "said"), [(0.5, False), (0.8, True), (1.0, False)])
def test_calibration_is_called_lost_only_outside_its_band(monkeypatch, covered, said):
    s = study(generated("sparse"), last_month(generated("sparse")))
    monkeypatch.setattr(calibration, "covered", lambda *_: (np.full(HORIZONS, 12.0), np.full(HORIZONS, 12.0 * covered)))
    assert calibration.is_within_calibration(s, last_month(generated("sparse"))).tolist() == [said] * HORIZONS
    monkeypatch.setattr(calibration, "covered", lambda *_: (np.full(HORIZONS, 11.0), np.full(HORIZONS, 11.0 * covered)))
    assert calibration.is_within_calibration(s, last_month(generated("sparse"))).all()


def test_wins_without_amounts_are_split_over_segments_as_zeros():
    base = generated("sparse")
    h = histories(base.deal, base.at, base.stage, base.kind, np.where(base.kind == WON, np.nan, base.amount),
                  segment=base.deal % 2, segments=("a", "b"))  # fmt: skip
    rows = vintage_rows(study(h, last_month(h)), last_month(h))
    assert {row.segment for row in rows} == {"all", "a", "b"}
    assert {row.expected for row in rows} == {0.0}


def test_what_is_kept_of_a_month_end_depends_on_the_break_rule():
    h = generated("shocked")
    s, fresh = (study(h, last_month(h)) for _ in range(2))
    broken = next(o for o in range(last_month(h)) if level_break(created_by_month(s, s.first_won, o)))
    first, second = (new_business(s, broken, np.ones(21), rule).revenue.tolist() for rule in (True, False))
    assert second == new_business(fresh, broken, np.ones(21), False).revenue.tolist() != first

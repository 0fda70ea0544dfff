"""Odds to reach a quota and the pipeline missing to 80 %, on months small enough to compute."""

from statistics import NormalDist

import numpy as np
import pytest

from forecasting.periods import each_part
from forecasting.quotas import Month, month_ahead, running_month, weighted_by
from forecasting.study import study
from forecasting.vintage import point
from tests.forecasting.lives import generated, last_month

SCORES = np.array([NormalDist().inv_cdf((i + 0.5) / 500) for i in range(500)])


def test_odds_follow_the_distribution_and_the_missing_pipeline_brings_them_to_eighty_percent():
    # √rest is normal with mean 10 and deviation 20 / (2 · 10) = 1; 40 are won already
    month = Month(40.0, 100.0, 400.0, 0.0, SCORES, 0.25, 0.0)
    assert month.odds(40.0) == 1.0
    assert month.odds(140.0) == pytest.approx(0.5, abs=0.002)
    assert month.odds(40.0 + 11.0**2) == pytest.approx(1 - NormalDist().cdf(1), abs=0.002)
    assert month.pipeline_needed(100.0) == 0.0  # √60 is more than two deviations below
    needed = month.pipeline_needed(140.0)
    assert month.odds(140.0, 0.25 * needed) == pytest.approx(0.8, abs=0.003)
    # (10 - 0.8416 · 20 / 2√m)… solved for √m: √m = (10 + √(100 + 4 · 8.416)) / 2
    assert 0.25 * needed == pytest.approx(((10 + np.sqrt(100 + 4 * 8.416)) / 2) ** 2 - 100, rel=0.01)


def test_more_pipeline_brings_its_own_noise_and_none_brings_nothing():
    certain, noisy = (Month(0.0, 100.0, 400.0, 0.0, SCORES, 0.25, noise) for noise in (0.0, 30.0))
    assert noisy.pipeline_needed(150.0) > certain.pipeline_needed(150.0) > 200
    assert np.isnan(Month(0.0, 100.0, 400.0, 0.0, SCORES, 0.0, 0.0).pipeline_needed(150.0))


def test_months_of_a_vintage_and_open_pipeline_by_our_own_odds():
    h = generated("seasonal")
    as_of = last_month(h)
    s = study(h, as_of)
    p = point(s, as_of)
    [each] = each_part(s, p, {})
    month = month_ahead(s, p, each)
    assert month.mean == pytest.approx(p.total[0])
    assert month.odds(0.5 * p.total[0]) > 0.9 > 0.1 > month.odds(1.8 * p.total[0])
    half = running_month(s, p, each, 500.0, 0.5, SCORES)
    assert half.mean == pytest.approx(0.5 * p.total[0])
    assert half.win_share == pytest.approx(0.5 * month.win_share)
    amount = np.nansum(s.panel.amount[s.open_at(as_of)])
    assert month.win_share == pytest.approx(p.open_revenue[0] / amount)
    _, _, value = weighted_by(s, s, p)
    assert value.tolist() == pytest.approx([p.open_revenue.sum()])

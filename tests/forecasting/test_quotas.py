"""Odds to reach a quota and the pipeline missing to 80 %, on months small enough to compute."""

import numpy as np
import pytest
from scipy.stats import gamma

from forecasting.gamma import share_below
from forecasting.periods import each_part
from forecasting.quotas import Month, month_ahead, running_month, weighted_by
from forecasting.study import study
from forecasting.vintage import point
from tests.forecasting.lives import generated, last_month


@pytest.mark.parametrize("shape", [0.03, 0.5, 1.0, 7.3, 110.0, 990.0, 5000.0])
def test_the_gamma_is_the_gamma(shape):
    """Against scipy, over the whole range of each."""
    for level in (0.001, 0.1, 0.5, 0.9, 0.999):
        amount = float(gamma.ppf(level, shape, scale=400 / shape))
        assert share_below(amount, 400.0, 400 / shape**0.5) == pytest.approx(level, abs=2e-5 if shape > 1000 else 1e-8)
    assert (share_below(0.0, 400.0, 10.0), share_below(10.0, 0.0, 0.0)) == (0.0, 1.0)
    assert (share_below(400.0, 400.0, 0.0), share_below(401.0, 400.0, 0.0)) == (0.0, 1.0)


def test_odds_follow_the_distribution_and_the_missing_pipeline_brings_them_to_eighty_percent():
    # the rest has mean 100 and deviation 100, so it is exponential; 40 are won already
    month = Month(40.0, 100.0, 100.0**2, 0.0, 0.25, 0.0)
    assert month.odds(40.0) == 1.0
    assert month.odds(140.0) == pytest.approx(np.exp(-1))
    assert month.odds(240.0) == pytest.approx(np.exp(-2))
    assert month.pipeline_needed(40 + 100 * 0.2) == 0.0  # exp(-0.2) is more than 0.8
    needed = month.pipeline_needed(140.0)
    assert month.odds(140.0, 0.25 * needed) == pytest.approx(0.8, abs=1e-4)
    assert needed > 4 * 50  # the mean alone has to be well above what is missing
    # where a win of 100 is expected in a month out of four, most months bring next to nothing: 1 - exp(-¼) bring one
    rare = Month(0.0, 25.0, 0.25 * 100**2 * 1.15, 0.09, 0.1, 100.0)
    assert rare.odds(25.0) == pytest.approx(1 - np.exp(-0.25), abs=0.03)
    shared = Month(0.0, 100.0, 0.0, 0.5, 0.1, 0.0)
    assert shared.odds(100.0) == pytest.approx(1 - gamma.cdf(4, 4))


def test_more_pipeline_brings_its_own_noise_and_none_brings_nothing():
    certain, noisy = (Month(0.0, 100.0, 400.0, 0.0, 0.25, noise) for noise in (0.0, 30.0))
    assert noisy.pipeline_needed(150.0) > certain.pipeline_needed(150.0) > 200
    assert np.isnan(Month(0.0, 100.0, 400.0, 0.0, 0.0, 0.0).pipeline_needed(150.0))


def test_months_of_a_vintage_and_open_pipeline_by_our_own_odds():
    h = generated("seasonal")
    as_of = last_month(h)
    s = study(h, as_of)
    p = point(s, as_of)
    [each] = each_part(s, p, {})
    month = month_ahead(s, p, each)
    assert month.mean == pytest.approx(p.total[0])
    assert month.odds(0.5 * p.total[0]) > 0.9 > 0.1 > month.odds(1.8 * p.total[0])
    half = running_month(s, p, each, 500.0, 0.5)
    assert half.mean == pytest.approx(0.5 * p.total[0])
    assert half.win_share == pytest.approx(0.5 * month.win_share)
    amount = np.nansum(s.panel.amount[s.open_at(as_of)])
    assert month.win_share == pytest.approx(p.open_revenue[0] / amount)
    names, value = weighted_by((s, s), p)
    assert value.tolist() == pytest.approx([p.open_revenue.sum()])
    assert [list(name) for name in names] == [list(s.histories.segments)] * 2

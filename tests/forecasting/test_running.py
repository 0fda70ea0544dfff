"""The running month: cut at the month's end, calibrated and judged on the same day of past months, no look ahead."""

import numpy as np
import pytest

from forecasting import running as module
from forecasting.current import moment
from forecasting.histories import NO_MONTH, WON, histories, month_number, month_start
from forecasting.running import (
    days_judged,
    is_running_calibrated,
    past_errors,
    rest,
    running,
    running_judged,
    running_months,
    running_scores,
    share_at,
)
from forecasting.spells import spells_of
from forecasting.vintage import WARM_UP
from tests.forecasting.lives import generated, last_month, of


def on_day(h, month, day):
    at = month_start(np.array([month]))[0] + np.timedelta64(day - 1, "D")
    return running(h, spells_of(h)[0], moment(at))


def test_the_share_before_the_months_end_is_what_the_year_before_had():
    # each month 300 are won on the 20th, and 100 on the 5th of the next month: both after day 11, in one shifted month
    lives = []
    for i in range(24):
        at = np.datetime64("2024-01", "M") + i
        lives += [(2 * i, f"{at}-02", 0, "open", 300.0), (2 * i, f"{at}-20", 1, "won", 300.0),
                  (2 * i + 1, f"{at}-03", 0, "open", 100.0), (2 * i + 1, f"{at + 1}-05", 1, "won", 100.0)]  # fmt: skip
    r = on_day(of(lives), month_number("2025-11"), 11)
    days = 20 / 30.4375
    # 12 months seen of 400 each, shrunk with six months' worth of the share of days
    assert share_at(r, month_number("2025-11")) == pytest.approx((12 * 300 + 6 * 400 * days) / (12 * 400 + 6 * 400))
    # one month seen: 300 of 400, and six twelfths of it
    assert share_at(r, month_number("2024-02")) == pytest.approx((300 + 200 * (19 / 30.4375)) / 600)
    assert share_at(r, month_number("2023-05")) == pytest.approx(21 / 30.4375)


@pytest.mark.parametrize("day", [5, 20])
def test_an_earlier_month_is_told_as_on_its_day_whatever_came_later(day):
    """What is told of day 5 ten months ago is what the data cut there tell; a planted future changes nothing."""
    h = generated("sparse")
    month = last_month(h) - 10
    cut = h.before(month_start(np.array([month]))[0] + np.timedelta64(day - 1, "D"))
    later = h.at >= cut.at.max() + np.timedelta64(1, "us")
    planted = histories(h.deal, h.at, np.where(later, 0, h.stage), h.kind, np.where(later, 9 * h.amount, h.amount),
                        np.where(later, NO_MONTH, h.close_month), close_date=h.close_date)  # fmt: skip
    whole, seen, strange = (on_day(x, month + k, day) for x, k in ((h, 9), (cut, 0), (planted, 9)))
    assert planted.amount[later & (h.kind == WON)].sum() > 8 * np.nansum(h.amount[later & (h.kind == WON)])
    for other in (seen, strange):
        for first, second in zip(rest(whole, month), rest(other, month), strict=True):
            np.testing.assert_allclose(first, second, rtol=1e-9)
        np.testing.assert_allclose(running_scores(whole, month), running_scores(other, month), rtol=1e-9)
    errors = past_errors(whole, month)[0]
    assert len(errors) > 100
    assert 0.4 < errors.std() < 2.0


def test_a_day_that_a_month_does_not_have_teaches_nothing():
    h = generated("sparse")
    month = last_month(h)
    r = on_day(h, month, 31)
    begun = [m for m in range(max(r.shifted.first_won + WARM_UP, month - 36), month)
             if month_start(m + 1) - month_start(m) == np.timedelta64(31, "D")]  # fmt: skip
    horizon = past_errors(r, month)[1]
    assert (horizon == 0).sum() == len(begun) < 30
    judged = {row.as_of for row in running_judged(r, running_months(r, month - 1), month - 1, "x")}
    assert month_number("2023-06") not in judged
    assert month_number("2023-07") in judged


def test_judged_rows_are_what_was_won_by_then_and_the_rest_and_hold_as_often_as_they_say():
    h = generated("seasonal")
    last = last_month(h) - 1
    x = spells_of(h)[0]
    rows = days_judged(h, x, range(last - 29, last + 1), last)
    assert {row.method for row in rows} == {"funnel_day_5", "funnel_day_10", "funnel_day_15", "funnel_day_20"}
    assert all(row.p10 <= row.p50 <= row.p90 for row in rows)
    for row in (r for r in rows if r.as_of == last - 4 and r.method == "funnel_day_15"):
        month = row.as_of + row.horizon
        won = (x.end_kind == WON) & (x.revenue_month == month)
        assert row.actual == pytest.approx(x.value[won & x.stands].sum())
        early = won & (h.at[x.last_row] < month_start(last - 4) + np.timedelta64(14, "D"))
        assert (early.any(), row.p10 >= x.value[early].sum()) == (row.horizon == 0, True)
    now = [row for row in rows if row.horizon == 0]
    error = {day: sum(abs(r.forecast - r.actual) for r in now if r.method == f"funnel_day_{day}") for day in (5, 20)}
    assert error[20] < 0.8 * error[5]
    assert 0.75 < np.mean([row.p10 <= row.actual <= row.p90 for row in now]) < 0.90


def test_calibration_of_the_running_month_is_its_own(monkeypatch):
    h = generated("seasonal")
    month = last_month(h)
    r = on_day(h, month, 10)
    assert is_running_calibrated(r, month).all()

    def narrow(r, month, levels=module.LEVELS):
        scores = np.array([[-1.3, 0.0, 1.3]] * 10)
        scores[0] /= 10
        return scores

    monkeypatch.setattr(module, "running_scores", narrow)
    assert is_running_calibrated(r, month).tolist() == [False] + [True] * 9

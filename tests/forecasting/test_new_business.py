"""Three opinions of what new deals will bring: what each says, and how they are weighed."""

import numpy as np
import pytest

from forecasting.histories import month_number, month_start
from forecasting.new_business import last_years, new_business, usual
from forecasting.study import Study, study
from tests.forecasting.lives import generated, last_month, of

FLAT = np.ones(21)


def lives(*won: tuple[str, str, float]) -> list[tuple]:
    """(created, won, amount) → rows."""
    return [
        row
        for deal, (created, ended, amount) in enumerate(won)
        for row in ((deal, created, 0, "open", amount), (deal, ended, 1, "won", amount))
    ]


@pytest.fixture(scope="module")
def few() -> Study:
    """Wins from January on, two of them of deals created in an earlier month; nothing is won in May and June."""
    rows = lives(
        ("2025-01-05", "2025-01-20", 10.0), ("2025-01-06", "2025-02-20", 100.0),
        ("2025-03-05", "2025-03-20", 1.0), ("2025-02-05", "2025-04-20", 1000.0),
    )  # fmt: skip
    return study(of([*rows, (9, "2025-06-28", 0, "open", 5.0)]), month_number("2025-06"))


def test_the_usual_is_the_mean_of_what_young_enough_deals_brought(few: Study) -> None:
    mean, months = usual(few, month_number("2025-04"))
    assert months[:5].tolist() == [3, 2, 1, 0, 0]
    # a month on: February 0, March 1, April 0; two: March 1, April 0; three: April, whose deal was two months old
    assert mean[:4].tolist() == [pytest.approx(1 / 3), 0.5, 1000.0, 0.0]
    mean, months = usual(few, month_number("2025-06"))
    assert (mean[2], months[2]) == (pytest.approx(1000 / 3), 3), "months without a win count"


def test_after_a_break_only_what_followed_it_is_usual(few: Study) -> None:
    mean, months = usual(few, month_number("2025-04"), restarted=2)
    assert months[:3].tolist() == [2, 1, 0]
    assert mean[:2].tolist() == [0.5, 0.0]


def test_months_without_a_win_at_the_end_are_seen_by_data_cut_there(few: Study) -> None:
    """A study that ends with such months has no row for them of itself."""
    as_of = month_number("2025-05")
    cut = study(few.histories.before(month_start(as_of + 1)), as_of)
    assert usual(cut, as_of)[0].tolist() == usual(few, as_of)[0].tolist()
    assert new_business(cut, as_of, FLAT).revenue.tolist() == new_business(few, as_of, FLAT).revenue.tolist()


def test_weights_follow_what_each_opinion_rests_on() -> None:
    s = study(generated("steady"), last_month(generated("steady")))
    early, late = s.first_won + 7, last_month(s.histories)
    weights = new_business(s, late, FLAT, break_rule=False).weights
    np.testing.assert_allclose(weights.sum(axis=0), 1)
    assert (weights[1] > 0.25).all(), "in a steady world the usual is worth a good deal"
    young = new_business(s, early, FLAT, break_rule=False).weights
    assert (young[2] == 0).all(), "nobody knows last year"
    odds = young[1] / young[0]
    assert (odds[0] / odds[3], odds[8]) == (pytest.approx(7 / 4), 0), "by the months that the usual rests on"


def test_who_erred_less_weighs_more() -> None:
    """Deals won at once, their number twice as high in each second half year: last year knew, the curve did not."""
    won = []
    for month in range(40):
        year, number = 2022 + month // 12, month % 12 + 1
        won += [(f"{year}-{number:02}-03", f"{year}-{number:02}-20", 100.0)] * (40 if number > 6 else 10)
    s = study(of(lives(*won)), month_number("2025-04"))
    found = new_business(s, month_number("2025-04"), FLAT, break_rule=False)
    assert last_years(s, month_number("2025-04"))[:3].tolist() == [1000.0, 1000.0, 4000.0]
    assert (found.weights[2] > 0.5).all()
    assert found.revenue[2] > 2 * found.revenue[0]

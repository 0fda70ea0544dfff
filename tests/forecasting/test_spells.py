"""Spells and the month-end panel of lives small enough to write down."""

from dataclasses import replace

import numpy as np

from forecasting.current import booked_from, moment, standing_wins
from forecasting.histories import LOST, NEVER, NO_MONTH, OPEN, WON, month_number
from forecasting.study import study
from tests.forecasting.lives import of

JAN = month_number("2026-01")


def test_a_deal_won_lost_reopened_and_left_open_is_a_spell_each():
    h = of([
        (0, "2026-01-10", 1, "open", 10.0), (0, "2026-03-05", 9, "won", 12.0),
        (1, "2026-01-20", 1, "open", 50.0), (1, "2026-02-01", 8, "lost", 50.0), (1, "2026-02-07", 8, "lost", 50.0),
        (1, "2026-04-02", 2, "open", 40.0),
        (2, "2026-02-11", 9, "won", 7.0),
        (3, "2026-01-01", 1, "open", 5.0), (3, "2026-01-15", 8, "lost", 5.0), (3, "2026-05-01", 9, "won", 6.0),
    ])  # fmt: skip
    s = study(h, JAN + 5).spells
    found = [tuple(int(v) for v in row) for row in zip(s.deal, s.start, s.end, s.end_kind, strict=True)]
    assert found == [
        (0, JAN, JAN + 2, WON),
        (1, JAN, JAN + 1, LOST),
        (1, JAN + 3, NEVER, OPEN),
        (2, JAN + 1, JAN + 1, WON),
        (3, JAN, JAN, LOST),
        (3, JAN + 4, JAN + 4, WON),
    ]
    assert s.value.tolist() == [12.0, 0.0, 0.0, 7.0, 0.0, 6.0]


def test_the_panel_tells_what_was_known_at_each_month_end():
    h = of([
        (0, "2026-01-10", 1, "open", None, "2026-02-15"), (0, "2026-02-20", 1, "open", 80.0, "2026-04-10"),
        (0, "2026-03-31", 2, "open", 90.0, None), (0, "2026-04-30", 9, "won", 95.0, None),
    ])  # fmt: skip
    p = study(h, JAN + 5).panel
    assert p.month.tolist() == [JAN, JAN + 1, JAN + 2]
    assert p.stage.tolist() == [1, 1, 2]
    assert np.isnan(p.amount[0])
    assert p.amount[1:].tolist() == [80.0, 90.0]
    assert p.due.tolist() == [1, 2, NO_MONTH]
    assert p.days.tolist() == [22.0, 50.0, 1.0]  # an edit of amount or date starts no new stay


def test_a_study_ends_where_it_is_told():
    s = study(of([(0, "2026-01-10", 1, "open", 1.0)]), JAN + 3)
    assert s.panel.month.tolist() == [JAN, JAN + 1, JAN + 2, JAN + 3]


def test_a_win_that_was_undone_no_longer_stands():
    h = of([
        (0, "2026-01-10", 1, "open", 10.0), (0, "2026-02-05", 9, "won", 10.0),
        (1, "2026-01-10", 1, "open", 20.0), (1, "2026-02-05", 9, "won", 20.0), (1, "2026-03-01", 8, "lost", 20.0),
        (2, "2026-01-10", 1, "open", 30.0), (2, "2026-02-05", 9, "won", 30.0), (2, "2026-03-01", 2, "open", 30.0),
        (2, "2026-04-01", 9, "won", 35.0),
    ])  # fmt: skip
    s = study(h, JAN + 5).spells
    assert s.value[(s.end_kind == WON) & s.stands].tolist() == [10.0, 35.0]
    assert s.value[s.end_kind == WON].tolist() == [10.0, 20.0, 30.0, 35.0]


def test_a_standing_win_counts_in_the_month_its_close_date_has_now():
    """Deal 0 is won in May with a close date in June, then dated to July; deal 1's win is undone."""
    h = of([
        (0, "2026-04-10", 1, "open", 10.0), (0, "2026-05-05", 9, "won", 12.0), (0, "2026-05-09", 9, "won", 99.0),
        (1, "2026-04-10", 1, "open", 20.0), (1, "2026-05-05", 9, "won", 20.0), (1, "2026-05-20", 8, "lost", 20.0),
    ])  # fmt: skip
    dated = replace(h, revenue_month=np.array([JAN + 3, JAN + 5, JAN + 6, JAN + 3, JAN + 5, JAN + 4]))
    now = moment(np.datetime64("2026-05-25", "us"))
    as_won = study(dated, now.month).spells
    assert booked_from(as_won, now).tolist() == [0, 32, 0, 0, 0, 0, 0, 0, 0, 0]
    assert booked_from(standing_wins(dated, as_won), now).tolist() == [0, 0, 12, 0, 0, 0, 0, 0, 0, 0]

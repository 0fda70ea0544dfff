"""Cells, levels and the hazards of each stratum against their definitions, row by row."""

from dataclasses import replace

import numpy as np
import pytest

from forecasting import strata
from forecasting.hazards import HORIZONS, SHRINKAGE, fit_hazards, landmark_weights, weigh
from forecasting.histories import LOST, NO_MONTH, WON, histories
from forecasting.strata import AGE_CUTS, ORDERS, amount_cuts, cells_of
from forecasting.study import regrouped, study
from tests.forecasting.lives import generated, last_month


@pytest.fixture(scope="module")
def split():
    """A pipeline of three segments."""
    h = generated("sparse")
    return study(replace(h, segment=h.deal % 3, segments=("a", "b", "c")), last_month(h))


def codes_of(s, rows, cuts):
    """Each row's own part of each name, said anew."""
    known = np.nan_to_num(s.panel.amount[rows])
    due = s.panel.due[rows]
    return {
        "stage": s.panel.stage[rows],
        "age": np.array([sum(days >= cut for cut in AGE_CUTS) for days in s.panel.days[rows]]),
        "amount": np.array([4 if a <= 0 else sum(a >= cut for cut in cuts) for a in known]),
        "due": np.array([11 if d == NO_MONTH else min(max(d, 0), 10) for d in due]),
        "segment": s.panel.segment[rows],
    }


def test_hazards_of_each_level_are_shrunk_to_the_level_before(split):
    as_of = last_month(split.histories) - 3
    rows = split.landmarks(as_of)
    cuts = amount_cuts(split.panel.amount[rows])
    cells = cells_of(split.fixed, rows, split.panel.amount[rows], cuts)
    weights = landmark_weights(split.panel.month[rows], as_of)
    weighed = weigh(cells.cell, len(cells), split.endings_at(as_of), weights)
    month, stay = split.panel.month[rows], split.end[rows] - split.panel.month[rows]
    follow_up = np.minimum(as_of - month, HORIZONS)
    own = codes_of(split, rows, cuts)
    for order in ORDERS:
        hazards = fit_hazards(weighed, cells.levels(order))
        for row in (0, 7, 40, len(month) // 2, len(month) - 1):
            for k in (1, 2, 9):
                expected, inside = np.zeros(2), np.ones(len(month), dtype=bool)
                for depth, name in enumerate((None, "stage", *order, "segment")):
                    if name:
                        inside = inside & (own[name] == own[name][row])
                    open_then = inside & (stay >= k) & (follow_up >= k)
                    ended = [
                        weights[open_then & (stay == k) & (split.kind[rows] == kind)].sum() for kind in (WON, LOST)
                    ]
                    worth = SHRINKAGE if depth else 0.0
                    expected = (np.array(ended) + worth * expected) / (weights[open_then].sum() + worth)
                found = hazards.win[cells.cell[row], k - 1], hazards.lose[cells.cell[row], k - 1]
                assert found == pytest.approx(tuple(expected), rel=1e-9)


def test_a_part_that_would_make_too_many_cells_is_left_out(split, monkeypatch):
    monkeypatch.setattr(strata, "MAX_STRATA", 7 * 5 * 12)
    fixed = strata.fixed_parts(split.panel, 7, 3)
    assert fixed.sizes == {"stage": 7, "age": 5, "amount": 5}
    rows = split.open_at(last_month(split.histories))
    cells = cells_of(fixed, rows, split.panel.amount[rows], np.zeros(3))
    assert len(cells.levels(ORDERS[1])) == 4
    assert set(cells.parts) == {"stage", "age", "amount"}


def test_other_segments_of_the_same_rows_need_no_study_of_their_own():
    h = generated("sparse")
    other = replace(h, segment=np.arange(len(h)) % 4, segments=("a", "b", "c", "d"))
    anew, swapped = study(other, last_month(h)), regrouped(study(h, last_month(h)), other)
    for name in ("segment", "last_segment", "value"):
        np.testing.assert_array_equal(getattr(anew.spells, name), getattr(swapped.spells, name))
    np.testing.assert_array_equal(anew.panel.segment, swapped.panel.segment)
    assert swapped.histories.segments == ("a", "b", "c", "d")
    assert len(np.unique(swapped.panel.segment)) == 4


def test_rows_in_any_order_give_the_same_histories():
    h = generated("sparse")
    back = np.arange(len(h))[::-1]
    again = histories(h.deal[back], h.at[back], h.stage[back], h.kind[back], h.amount[back], h.close_month[back])
    np.testing.assert_array_equal(again.at, h.at)
    np.testing.assert_array_equal(again.deal, h.deal)

"""What strange data do to a vintage: wider intervals where less is known, and a note that says why."""

import re

import numpy as np

from forecasting.backtest import vintage_rows
from forecasting.histories import LOST, OPEN, histories, month_start
from forecasting.notes import notes
from forecasting.study import study
from forecasting.vintage import point, quantiles
from tests.forecasting.lives import generated, last_month

LEVELS = np.array([0.1, 0.5, 0.9])


def asked(h, as_of):
    s = study(h, as_of)
    found = quantiles(s, as_of, LEVELS)
    return point(s, as_of), (found[:, 2] - found[:, 0]) / found[:, 1], notes(s, point(s, as_of))


def with_rows(h, deal, at, stage, kind, amount, close):
    return histories(
        np.append(h.deal, deal), np.append(h.at, at), np.append(h.stage, stage), np.append(h.kind, kind),
        np.append(h.amount, amount), np.append(h.close_month, close),
        probability=np.append(h.probability, np.full(len(deal), np.nan)),
    )  # fmt: skip


def open_deals(h, as_of):
    s = study(h, as_of)
    here = s.open_at(as_of)
    return s.spells.deal[s.panel.spell[here]], s.panel.stage[here], s.panel.amount[here]


def test_one_whale_of_half_the_pipeline_widens_the_interval_and_is_named():
    h = generated("seasonal")
    as_of = last_month(h)
    deals, _, amounts = open_deals(h, as_of)
    whale = deals[np.flatnonzero(amounts > 0)[-1]]
    amount = np.where(h.deal == whale, np.nansum(amounts), h.amount)
    big = histories(h.deal, h.at, h.stage, h.kind, amount, h.close_month, probability=h.probability)
    _, before, plain = asked(h, as_of)
    _, after, said = asked(big, as_of)
    assert plain is None
    assert "one deal is" in said
    assert (after[:3] > 1.3 * before[:3]).all()


def test_a_clean_up_of_two_thousand_deals_in_a_day_takes_no_revenue_away():
    h = generated("big")
    as_of = last_month(h)
    deals, stages, amounts = open_deals(h, as_of)
    last_seen = np.zeros(h.deal.max() + 1, dtype="datetime64[us]")
    last_seen[h.deal] = h.at  # rows are in order of time within a deal
    dead = np.argsort(last_seen[deals], kind="stable")[:2000]
    at = np.full(len(dead), month_start(as_of + 1) - np.timedelta64(1, "D"))
    cleaned = with_rows(h, deals[dead], at, np.full(len(dead), 6), np.full(len(dead), LOST), amounts[dead],
                        np.full(len(dead), -(10**6)))  # fmt: skip
    before, _, _ = asked(h, as_of)
    after, width, said = asked(cleaned, as_of)
    assert "taken for a clean-up" in said
    assert stages[dead].max() <= 5
    assert abs(after.total[:3].sum() / before.total[:3].sum() - 1) < 0.10
    assert np.isfinite(width).all()


def test_an_inflow_that_doubles_at_once_is_seen_named_and_makes_the_far_months_less_certain():
    h = generated("steady")
    as_of = last_month(h)
    first = study(h, as_of).spells.start
    deal_start = dict(zip(study(h, as_of).spells.deal.tolist(), first.tolist(), strict=True))
    late = np.array([deal_start[int(d)] > as_of - 4 for d in h.deal])
    doubled = with_rows(h, h.deal[late] + 1_000_000, h.at[late], h.stage[late], h.kind[late], h.amount[late],
                        h.close_month[late])  # fmt: skip
    before, width_before, _ = asked(h, as_of)
    after, width, said = asked(doubled, as_of)
    assert re.search("changed level [45] months ago", said)  # the month before the jump may look like its start
    assert 1.6 < after.new.inflow.expected.mean() / before.new.inflow.expected.mean() < 2.4
    assert (width[3:] > width_before[3:]).all()


def test_notes_stand_in_every_row_and_name_amounts_unknown_and_silence():
    h = generated("sparse")
    as_of = last_month(h)
    no_amount = np.where(h.deal % 3 == 0, np.nan, h.amount)
    kind = np.where((h.kind == 1) & (h.at > month_start(as_of - 7)), OPEN, h.kind)
    bad = histories(h.deal, h.at, h.stage, kind, no_amount, h.close_month)
    rows = vintage_rows(study(bad, as_of), as_of)
    [said] = {row.note for row in rows}
    assert "of open deals have no amount" in said
    assert "nothing won for 8 months" in said

"""What strange data do to a vintage: wider intervals where less is known, and a note that says why."""

import re
from dataclasses import replace

import numpy as np

from forecasting.backtest import vintage_rows
from forecasting.current import moment
from forecasting.histories import LOST, OPEN, WON, histories, month_start
from forecasting.notes import notes
from forecasting.running import rest, running
from forecasting.spells import spells_of
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


def test_stages_that_nothing_leaves_or_wins_are_named_and_their_deals_expected_to_bring_next_to_nothing():
    """Each ninth deal that reached stage 3 stays there for good; each third that reached stage 1 is lost from it."""
    h = generated("seasonal")
    as_of = last_month(h)

    def later(deals, stage):
        reached = np.full(h.deal.max() + 1, np.datetime64("NaT"), dtype="datetime64[us]")
        first = (h.stage == stage) & h.is_entry
        reached[h.deal[first]] = h.at[first]
        return deals & (h.at > reached[h.deal])

    stays, dies = h.deal % 9 == 0, h.deal % 3 == 1
    kind = np.where(later(dies, 1), LOST, h.kind)
    stage = np.where(stays & (h.stage == 3), 7, np.where(dies & (h.stage == 1), 8, h.stage))  # theirs alone
    stage = np.where(later(dies, 1), 6, stage)
    bad = replace(h, kind=kind, stage=stage).rows(~later(stays, 3))
    s = study(bad, as_of)
    p = point(s, as_of)
    said = notes(s, p)
    assert "of open deals stand in stages that nothing left for a year" in said
    assert "of open deals stand in stages in which deals were only ever lost" in said
    here = s.panel.stage[s.open_at(as_of)]
    odds = p.opened.won.sum(axis=1)
    assert (here == 7).sum() > 50
    assert (here == 8).sum() > 20
    assert odds[here == 7].max() < 0.05
    assert odds[here == 8].max() < 0.1
    assert odds[here == 4].max() > 0.5
    assert notes(study(h, as_of), point(study(h, as_of), as_of)) is None


def test_close_dates_all_on_a_months_last_day_are_named_and_cost_the_running_month_nothing():
    h = generated("seasonal")
    month = last_month(h)
    last_day = month_start(h.close_month + 1) - np.timedelta64(1, "D")
    bad = replace(h, close_date=last_day)
    _, before, plain = asked(h, month - 1)
    _, after, said = asked(bad, month - 1)
    assert (plain, said) == (None, "100% of close dates are a month's last day: read to the month")
    np.testing.assert_allclose(after, before, rtol=1e-9)  # month ends read the month alone
    at = month_start(np.array([month]))[0] + np.timedelta64(9, "D")
    means = [rest(running(x, spells_of(x)[0], moment(at)), month)[0] for x in (h, bad)]
    assert np.isfinite(means[1]).all()
    assert (np.abs(means[1] / means[0] - 1) < 0.2).all()


def test_a_currency_without_a_rate_is_a_deal_without_an_amount_named_and_less_certain():
    """What no rate converts comes as null: a third of the deals, wins among them, whose value is then nothing."""
    h = generated("seasonal")
    as_of = last_month(h)
    bad = replace(h, amount=np.where(h.deal % 3 == 0, np.nan, h.amount))
    before, width_before, _ = asked(h, as_of)
    after, width, said = asked(bad, as_of)
    assert re.search(r"3\d% of open deals have no amount, or none that a rate converts", said)
    assert 0.5 < after.total[:3].sum() / before.total[:3].sum() < 0.8
    assert (width > width_before).all()


def test_a_year_without_a_win_is_named_and_widens():
    h = generated("seasonal")
    as_of = last_month(h)
    silent = (h.kind == WON) & (h.at >= month_start(as_of - 11))
    before, width_before, _ = asked(h, as_of)
    after, width, said = asked(replace(h, kind=np.where(silent, LOST, h.kind)), as_of)
    assert "nothing won for 12 months" in said
    assert after.total.sum() < 0.4 * before.total.sum()
    assert (width > 1.5 * width_before).all()

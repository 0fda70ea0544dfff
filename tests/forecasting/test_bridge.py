"""The bridge between two vintages: causes sum to the change to the cent, and stand where the deal says."""

from collections import defaultdict
from dataclasses import replace

import numpy as np

from forecasting.bridge import CAUSES, bridge
from forecasting.histories import LOST, NO_MONTH, OPEN, WON, histories, month_number, month_start
from forecasting.said import Deals, Money, Said, said_of
from forecasting.study import study
from forecasting.vintage import point
from tests.forecasting.lives import generated, last_month, of

MAY = month_number("2026-05")
EUR, USD = 0, 1
LIVES = [
    *[(deal, "2026-01-05", 0, "open", 1000) for deal in range(9)],
    (6, "2026-05-07", 5, "won", 1100, "2026-06-30"),
    (7, "2026-05-08", 6, "lost", 400),
    (9, "2026-05-09", 0, "open", 1000),
    (10, "2026-05-10", 5, "won", 300, "2026-07-31"),
]


def of_may(h):
    """The study of May 2026, revenue by close date, and money: all in euros, but deal 6 was won for 1,000 dollars."""
    s = study(replace(h, revenue_month=np.where(h.kind == WON, h.close_month, h.revenue_month)), MAY)
    return s, Money(np.where(h.kind == WON, 1000.0, h.amount), np.where(h.deal == 6, USD, EUR))


def said(as_of, s, rows, booked=(), new=0.0, inflow=10.0, method="landmark-1"):
    """A vintage of (deal, odds of each month, expected if won, amount, native, currency, due); new business alike in
    every month, a tenth of it from deals of each month before and the rest of the first."""
    spell = {int(d): i for i, d in enumerate(s.spells.deal)}
    deal, won, if_won, amount, native, currency, due = (np.array(column) for column in zip(*rows, strict=True))
    opened = Deals(
        deal, np.array([spell[d] for d in deal]), deal % 2, np.repeat(won[:, None], 9, axis=1).astype(float),
        if_won.astype(float), amount.astype(float), native.astype(float), currency, due,
    )  # fmt: skip
    share = np.tril(np.full((9, 9), 0.1))
    share[:, 0] = 1 - share[:, 1:].sum(axis=1)
    money = np.array([*booked, *[0.0] * (9 - len(booked))])
    total = money + new + opened.revenue.sum(axis=0)
    cents = np.floor(100 * total + 0.5).astype(int)
    return Said(as_of, method, cents, money, np.full(9, new), opened, share, np.full(9, inflow))


def told(found):
    """{(cause, deal): cents of June, of August}."""
    sums = defaultdict(lambda: [0, 0])
    for cause, target, deal, cents in zip(found.cause, found.target, found.deal, found.cents, strict=True):
        if target in (MAY + 1, MAY + 3):
            sums[cause, int(deal)][int(target != MAY + 1)] += int(cents)
    return dict(sums)


OLD = [
    (0, 0.5, 800, 1000, 1000, USD, MAY + 2),  # its rate goes from 1 to 1.1
    (1, 0.2, 1000, 1000, 1000, USD, NO_MONTH),  # edited to 1,500 at 1.2
    (2, 0.4, 500, 500, 500, EUR, MAY + 1),  # put off
    (3, 0.1, 500, 500, 500, EUR, MAY + 5),  # pulled in, and edited to 600
    (4, 0.3, 100, 100, 100, EUR, MAY + 2),  # nothing was done to it
    (5, 0.2, 50, np.nan, 70, USD, MAY + 2),  # it had no rate
    (6, 0.5, 1000, 1000, 1000, USD, MAY + 1),  # won with the rate at 1.1
    (7, 0.25, 400, 400, 400, EUR, MAY + 1),  # lost
    (8, 0.1, 1000, np.nan, np.nan, EUR, MAY + 1),  # an amount was entered
]
NEW = [
    (0, 0.5, 880, 1100, 1000, USD, MAY + 2),
    (1, 0.2, 1800, 1800, 1500, USD, NO_MONTH),
    (2, 0.1, 500, 500, 500, EUR, MAY + 4),
    (3, 0.3, 600, 600, 600, EUR, MAY + 2),
    (4, 0.5, 110, 100, 100, EUR, MAY + 2),
    (5, 0.2, 77, 77, 70, USD, MAY + 2),
    (8, 0.1, 300, 300, 300, EUR, MAY + 1),
    (9, 0.1, 1000, 1000, 1000, EUR, MAY + 1),  # created
]


def test_each_cause_by_hand():
    s, money = of_may(of(LIVES))
    before = said(MAY - 1, s, OLD, booked=(0, 0, 40), new=1000, inflow=10)
    now = said(MAY, s, NEW, booked=(1100, 300 + 40, 0), new=900, inflow=12)
    found = bridge(s, before, now, money)
    assert told(found) == {
        ("fx", 0): [4000, 4000],  # half of 800, a tenth more
        ("amount", 1): [10000, 10000],  # a fifth of 1,000, half as much again …
        ("fx", 1): [6000, 6000],  # … and from 1.5 to 1.8 times
        ("slipped", 2): [-15000, -15000],  # three tenths less of 500
        ("amount", 3): [1000, 1000],  # a tenth of 100
        ("pulled_in", 3): [12000, 12000],  # two tenths more of 600
        ("probabilities", 4): [2500, 2500],  # half of 110 against three tenths of 100
        ("fx", 5): [540, 540],  # a fifth of 27
        ("won", 6): [50000, -50000],  # 1,000 instead of half of it in June, nothing in August
        ("fx", 6): [10000, 0],
        ("lost", 7): [-10000, -10000],
        ("amount", 8): [-7000, -7000],  # a tenth of 700
        ("new_deals", 9): [10000, 10000],
        # nine tenths of 1,000 had been expected of deals of May in June's, seven tenths in August's; the inflow of the
        # others is a fifth larger; of the rest of 1,000 nothing else is known than that it is 900
        ("new_deals", -1): [-90000, -70000],
        ("inflow_level", -1): [2000, 6000],
        ("probabilities", -1): [78000, 54000],
    }


def test_a_deal_that_came_and_was_won_within_the_month_is_new_and_what_was_booked_stays():
    s, money = of_may(of(LIVES))
    before = said(MAY - 1, s, OLD, booked=(0, 0, 40))
    now = said(MAY, s, NEW, booked=(1100, 340, 0))
    found = bridge(s, before, now, money)
    july = (found.target == MAY + 2) & np.isin(found.cause, ("new_deals", "won"))
    assert {(c, int(d)): int(x) for c, d, x in zip(found.cause[july], found.deal[july], found.cents[july],
                                                   strict=True)} == {
        ("won", 6): -50000, ("new_deals", 9): 10000, ("new_deals", 10): 30000,
    }  # fmt: skip


def test_another_method_is_a_cause_of_its_own():
    s, money = of_may(of(LIVES))
    before = said(MAY - 1, s, OLD, booked=(0, 0, 40), method="landmark-1-cold")
    now = said(MAY, s, NEW, booked=(1100, 340, 0))
    found = told(bridge(s, before, now, money))
    assert found["method_version", 4] == [2500, 2500]
    assert not any(cause == "probabilities" for cause, _ in found)


def test_of_more_deals_than_are_named_the_small_ones_are_summed_by_stage():
    s, money = of_may(of(LIVES))
    before = said(MAY - 1, s, OLD, booked=(0, 0, 40))
    now = said(MAY, s, NEW, booked=(1100, 340, 0))
    found = bridge(s, before, now, money, named=3)
    assert set(found.deal) == {-1, 6, 1, 2}  # won, edited, put off
    june = found.target == MAY + 1
    rows = {(c, int(g)): int(x) for c, d, g, x in zip(found.cause[june], found.deal[june], found.stage[june],
                                                      found.cents[june], strict=True) if d < 0}  # fmt: skip
    assert rows == {
        ("fx", 0): 4000, ("fx", 1): 540, ("amount", 1): 1000, ("amount", 0): -7000, ("pulled_in", 1): 12000,
        ("probabilities", 0): 2500, ("lost", 1): -10000, ("new_deals", 1): 10000,
    }  # fmt: skip


def by_cause(s, as_of):
    """Both vintages and the bridge between them, every deal named."""
    money = Money(s.histories.amount, np.zeros(len(s.histories), dtype=np.int64))
    before, now = (said_of(s, point(s, month), money) for month in (as_of - 1, as_of))
    return before, now, bridge(s, before, now, money, named=10**6)


def test_causes_sum_to_the_change_to_the_cent():
    """And nothing is left over: what stands under no deal is new business."""
    for kind in ("seasonal", "sparse"):
        h = generated(kind)
        as_of = last_month(h) - 1
        s = study(h, as_of)
        for month in range(as_of - 3, as_of + 1):
            before, now, found = by_cause(s, month)
            assert set(found.cause) <= set(CAUSES)
            for k in range(8):
                change = round(100 * now.total[k]) - round(100 * before.total[k + 1])
                assert found.cents[found.target == month + 1 + k].sum() == change
            alone = set(found.cause[(found.deal < 0) & (found.stage < 0)])
            assert alone == {"new_deals", "inflow_level", "probabilities"}
            assert set(found.cause) >= {"won", "lost", "new_deals"}


def test_each_deal_is_told_by_what_happened_to_it():
    """Five open deals of one world: one is won, one lost, one put off, one doubled, one left alone; one is created."""
    h = generated("seasonal")
    as_of = last_month(h)
    s = study(h, as_of)
    first, second = (set(s.panel.spell[s.open_at(m)].tolist()) for m in (as_of - 1, as_of))
    still = sorted(first & second)
    panel = {m: {int(sp): i for i, sp in zip(range(*s.open_at(m).indices(len(s.panel))), s.panel.spell[s.open_at(m)],
                                              strict=True)} for m in (as_of - 1, as_of)}  # fmt: skip
    quiet = [
        sp for sp in still
        if s.panel.due[panel[as_of - 1][sp]] - 1 == s.panel.due[panel[as_of][sp]] and s.panel.due[panel[as_of][sp]] > 0
        and s.panel.amount[panel[as_of - 1][sp]] == s.panel.amount[panel[as_of][sp]]
    ]  # fmt: skip
    won, lost, later, larger, left = (int(s.spells.deal[sp]) for sp in quiet[:5])
    at = {d: (s.panel.stage[panel[as_of][sp]], s.panel.amount[panel[as_of][sp]],
              as_of + s.panel.due[panel[as_of][sp]])
          for d, sp in zip((won, lost, later, larger, left), quiet[:5], strict=True)}  # fmt: skip
    added = [
        (won, 5, WON, at[won][1], at[won][2]), (lost, 6, LOST, at[lost][1], at[lost][2]),
        (later, at[later][0], OPEN, at[later][1], at[later][2] + 4),
        (larger, at[larger][0], OPEN, 2 * at[larger][1], at[larger][2]),
        (900_000, 0, OPEN, 5000.0, as_of + 2),
    ]  # fmt: skip
    deal, stage, kind, amount, due = (np.array(column) for column in zip(*added, strict=True))
    changed = histories(
        np.append(h.deal, deal), np.append(h.at, np.full(5, month_start(as_of + 1) - np.timedelta64(1, "h"))),
        np.append(h.stage, stage), np.append(h.kind, kind), np.append(h.amount, amount), np.append(h.close_month, due),
    )  # fmt: skip
    s = study(changed, as_of)
    before, now, found = by_cause(s, as_of)
    causes = {d: set(found.cause[found.deal == d]) for d in (won, lost, later, larger, left, 900_000)}
    assert causes == {
        won: {"won"}, lost: {"lost"}, later: {"slipped", "probabilities"}, larger: {"amount", "probabilities"},
        left: {"probabilities"}, 900_000: {"new_deals"},
    }  # fmt: skip
    i = int(np.flatnonzero(before.opened.deal == lost)[0])
    assert abs(found.cents[found.deal == lost].sum() + 100 * before.opened.revenue[i, 1:].sum()) < 8
    i = int(np.flatnonzero(before.opened.deal == larger)[0])
    doubled = (found.deal == larger) & (found.cause == "amount")
    assert abs(found.cents[doubled].sum() - 100 * before.opened.revenue[i, 1:].sum()) < 8
    k = int(np.flatnonzero(now.opened.deal == 900_000)[0])
    assert abs(found.cents[found.deal == 900_000].sum() - 100 * now.opened.revenue[k, :8].sum()) < 8
    assert set(found.target) == set(range(as_of + 1, as_of + 9))


def test_a_deal_won_ahead_of_its_month_moves_from_odds_to_booked():
    h = generated("sparse")
    as_of = last_month(h)
    s = study(h, as_of)
    sp = int(np.intersect1d(s.panel.spell[s.open_at(as_of - 1)], s.panel.spell[s.open_at(as_of)])[0])
    deal = int(s.spells.deal[sp])
    changed = histories(
        np.append(h.deal, deal), np.append(h.at, month_start(as_of + 1) - np.timedelta64(1, "h")),
        np.append(h.stage, 5), np.append(h.kind, WON), np.append(h.amount, 7000.0), np.append(h.close_month, as_of + 2),
        revenue_month=np.append(np.full(len(h), NO_MONTH), as_of + 2),
    )  # fmt: skip
    before, now, found = by_cause(study(changed, as_of), as_of)
    mine = (found.deal == deal) & (found.target == as_of + 2)
    old = before.opened.revenue[int(np.flatnonzero(before.opened.deal == deal)[0]), 2]
    assert set(found.cause[found.deal == deal]) == {"won"}
    assert abs(found.cents[mine].sum() - (700_000 - 100 * old)) <= 1
    assert now.booked[1] == 7000.0

"""The bridge between two vintages: causes sum to the change to the cent, and stand where the deal says."""

import numpy as np

from forecasting.bridge import CAUSES, bridge
from forecasting.histories import LOST, OPEN, WON, histories, month_start
from forecasting.study import study
from forecasting.vintage import point
from tests.forecasting.lives import generated, last_month


def by_cause(s, as_of):
    before = point(s, as_of - 1)
    now = point(s, as_of)
    cause, target, spell, cents = bridge(s, before, now)
    return before, now, cause, target, spell, cents


def test_causes_sum_to_the_change_to_the_cent():
    for kind in ("seasonal", "sparse"):
        h = generated(kind)
        as_of = last_month(h) - 1
        s = study(h, as_of)
        before, now, cause, target, _, cents = by_cause(s, as_of)
        assert set(cause) <= set(CAUSES)
        for k in range(8):
            change = round(100 * now.total[k]) - round(100 * before.total[k + 1])
            assert cents[target == as_of + 1 + k].sum() == change


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
    before, now, cause, target, spell, cents = by_cause(s, as_of)
    told = {d: set(cause[(spell >= 0) & (s.spells.deal[np.maximum(spell, 0)] == d)])
            for d in (won, lost, later, larger, left, 900_000)}  # fmt: skip
    assert told == {won: {"won"}, lost: {"lost"}, later: {"slipped"}, larger: {"amount"}, left: set(),
                    900_000: {"new_deals"}}  # fmt: skip
    i = int(np.flatnonzero(s.spells.deal[before.opened.spell] == lost)[0])
    mine = (s.spells.deal[np.maximum(spell, 0)] == lost) & (spell >= 0)
    assert cents[mine].sum() == -np.rint(100 * before.opened.revenue[i, 1:]).sum()
    k = int(np.flatnonzero(s.spells.deal[now.opened.spell] == 900_000)[0])
    mine = (s.spells.deal[np.maximum(spell, 0)] == 900_000) & (spell >= 0)
    assert cents[mine].sum() == np.rint(100 * now.opened.revenue[k, :8]).sum()
    assert set(target) == set(range(as_of + 1, as_of + 9))


def test_a_deal_won_ahead_of_its_month_moves_from_odds_to_booked():
    h = generated("sparse")
    as_of = last_month(h)
    s = study(h, as_of)
    sp = int(s.panel.spell[s.open_at(as_of)][0])
    deal = int(s.spells.deal[sp])
    changed = histories(
        np.append(h.deal, deal), np.append(h.at, month_start(as_of + 1) - np.timedelta64(1, "h")),
        np.append(h.stage, 5), np.append(h.kind, WON), np.append(h.amount, 7000.0), np.append(h.close_month, as_of + 2),
        revenue_month=np.append(np.full(len(h), -(10**6)), as_of + 2),
    )  # fmt: skip
    s = study(changed, as_of)
    before, now, cause, target, spell, cents = by_cause(s, as_of)
    mine = (spell >= 0) & (s.spells.deal[np.maximum(spell, 0)] == deal) & (target == as_of + 2)
    if not (before.opened.spell == sp).any():
        assert set(cause[mine]) == {"new_deals"}
        assert cents[mine].sum() == 700_000
        return
    old = before.opened.revenue[int(np.flatnonzero(before.opened.spell == sp)[0]), 2]
    assert set(cause[mine]) == {"won"}
    assert cents[mine].sum() == round(700_000 - 100 * old)
    assert now.booked[1] == 7000.0

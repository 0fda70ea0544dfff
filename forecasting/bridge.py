"""Why a vintage differs from the one before, target month by target month: causes that sum to the change to the cent.

An open deal's revenue in a month is its probability there times the amount expected at close. Of a deal that both
vintages hold, in this order: an edit of its amount (`amount`) and another rate of its currency (`fx`) at the old
probability; an edit of its expected close month (`slipped`, `pulled_in`) as the change of the probability at the new
amount; what else moved either (age, stage, what was learned) as `probabilities`. Each cause is reckoned on its own,
none is what the others leave: that they sum to the change can be false, and is tested on the published table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from forecasting.hazards import HORIZONS
from forecasting.histories import NO_MONTH, WON, Bools, Floats, Ints
from forecasting.said import Deals, Money, Said
from forecasting.study import Study

CAUSES = (
    "won", "lost", "slipped", "pulled_in", "amount", "fx", "new_deals", "inflow_level", "probabilities",
    "method_version",
)  # fmt: skip
COMMON = HORIZONS - 1
"""Target months that two neighbouring vintages share."""
NAMED = 500
"""Deals that a pair of vintages names, those that moved it most; the others are summed by stage."""


@dataclass(frozen=True)
class Part:
    """What one cause did. deal, stage: codes, (n), -1 where there is none; value: (n, 8) by target month."""

    cause: str
    deal: Ints
    stage: Ints
    value: Floats

    def those(self, which: Bools) -> Part:
        """Some of its rows."""
        return Part(self.cause, self.deal[which], self.stage[which], self.value[which])


@dataclass(frozen=True)
class Bridge:
    """Rows: cause, target month, deal and stage (codes, -1 where there is none), cents."""

    cause: np.ndarray
    target: Ints
    deal: Ints
    stage: Ints
    cents: Ints


def bridge(s: Study, before: Said, now: Said, money: Money, named: int = NAMED) -> Bridge:
    """The change of each month that both vintages have. before, now: of neighbouring month ends of the study."""
    old, new = before.opened, now.opened
    place = np.full(max(int(side.deal.max(initial=-1)) for side in (old, new)) + 1, -1)
    place[new.deal] = np.arange(len(new))
    at = place[old.deal]
    same = (at >= 0) & ((old.spell < 0) | (new.spell[at] < 0) | (old.spell == new.spell[at]))
    added = np.ones(len(new), dtype=bool)
    added[at[same]] = False
    parts = [
        *_gone(s, old, ~same, now.as_of, money),
        *_stayed(old, new, np.flatnonzero(same), at[same]),
        Part("new_deals", new.deal[added], new.stage[added], new.revenue[added, :COMMON]),
        *_booked(s, before, now, old.spell[~same]),
        *_new_business(before, now),
    ]
    if before.method != now.method:  # what was learned and what was changed cannot be told apart
        parts = [Part("method_version" if p.cause == "probabilities" else p.cause, p.deal, p.stage, p.value)
                 for p in parts]  # fmt: skip
    return _rounded(before, now, _summed(parts, named))


def _gone(s: Study, old: Deals, gone: Bools, as_of: int, money: Money) -> Iterator[Part]:
    """Deals that were open and are not: those won bring what they are booked with, at the old rate; the rest is fx."""
    spell = old.spell[gone]
    value = -old.revenue[gone, 1:]
    kind = np.where(spell >= 0, s.spells.end_kind[spell], -1)
    won = (kind == WON) & (s.spells.end[spell] <= as_of)
    ahead = s.spells.revenue_month[spell] - as_of - 1  # of spell -1 another's, and not won
    booked = np.flatnonzero(won & (ahead >= 0) & (ahead < COMMON))
    last, sold = s.spells.last_row[spell[booked]], s.spells.value[spell[booked]]
    rate_then = _ratio(old.amount[gone][booked], old.native[gone][booked])
    rate_now = _ratio(sold, money.native[last])
    known = (money.currency[last] == old.currency[gone][booked]) & np.isfinite(rate_then) & np.isfinite(rate_now)
    at_old = sold * np.where(known, rate_then / rate_now, 1)
    value[booked, ahead[booked]] += at_old
    moved = np.zeros_like(value)
    moved[booked, ahead[booked]] = sold - at_old
    deal, stage = old.deal[gone], old.stage[gone]
    yield Part("won", deal[won], stage[won], value[won])
    yield Part("lost", deal[~won], stage[~won], value[~won])
    yield Part("fx", deal[won], stage[won], moved[won])


def _stayed(old: Deals, new: Deals, i: Ints, k: Ints) -> Iterator[Part]:
    """Deals that both hold: rows i of the one are rows k of the other."""
    first, second = old.won[i, 1:], new.won[k, :COMMON]
    at_old = first * old.if_won[i, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        grown = new.amount[k] / old.amount[i]  # by edit and rate together
        edited = new.native[k] / old.native[i]  # by edit alone
    known = (old.amount[i] > 0) & (new.amount[k] > 0)
    one_currency = old.currency[i] == new.currency[k]
    grown = np.where(known, grown, 1)
    edited = np.where(known & one_currency & np.isfinite(edited) & (edited > 0), edited, grown)
    # an amount that was unknown or zero on either side has not grown: all that is expected otherwise is the edit's
    appeared = ~known & ~_equal(old.amount[i], new.amount[k])
    by_rate = appeared & one_currency & _equal(old.native[i], new.native[k])
    whole = first * (new.if_won[k] - old.if_won[i])[:, None]
    by_edit, by_fx = at_old * (edited - 1)[:, None], at_old * (grown - edited)[:, None]
    by_edit[appeared & ~by_rate] = whole[appeared & ~by_rate]
    by_fx[by_rate] = whole[by_rate]
    odds = (second - first) * new.if_won[k, None]
    learned = whole - by_edit - by_fx
    dated = (old.due[i] != NO_MONTH) & (new.due[k] != NO_MONTH)
    later, earlier = dated & (new.due[k] > old.due[i]), dated & (new.due[k] < old.due[i])
    learned += np.where((later | earlier)[:, None], 0, odds)
    deal, stage = new.deal[k], new.stage[k]
    yield Part("amount", deal, stage, by_edit)
    yield Part("fx", deal, stage, by_fx)
    yield Part("slipped", deal[later], stage[later], odds[later])
    yield Part("pulled_in", deal[earlier], stage[earlier], odds[earlier])
    yield Part("probabilities", deal, stage, learned)


def _booked(s: Study, before: Said, now: Said, gone: Ints) -> Iterator[Part]:
    """Wins of the month that had not been open before, and what the earlier vintage did not know of wins before it.

    gone: spells told of already."""
    ahead = s.spells.revenue_month - now.as_of - 1
    booked = (s.spells.end_kind == WON) & (s.spells.end <= now.as_of) & (ahead >= 0) & (ahead < COMMON)
    known = np.zeros(len(booked), dtype=bool)
    known[gone[gone >= 0]] = True
    told = np.bincount(ahead[booked & known], s.spells.value[booked & known], COMMON).astype(np.float64)
    booked &= ~known
    for cause, which in (("new_deals", s.spells.start == now.as_of), ("won", s.spells.start < now.as_of)):
        spell = np.flatnonzero(booked & (s.spells.end == now.as_of) & which)
        value = np.zeros((len(spell), COMMON))
        value[np.arange(len(spell)), ahead[spell]] = s.spells.value[spell]
        told += value.sum(axis=0)
        yield Part(cause, s.spells.deal[spell], s.histories.stage[s.spells.last_row[spell]], value)
    yield _alone("won", now.booked[:COMMON] - before.booked[1:] - told)


def _new_business(before: Said, now: Said) -> Iterator[Part]:
    """Deals still to be created: what had been expected of those created since, another inflow, what was learned."""
    expected, share = before.new[1:], before.share[1:]
    came = -share[:, 0] * expected
    ratio = now.inflow[:COMMON] / np.maximum(before.inflow[1:], 1e-9) - 1
    level = expected * np.array([(share[h, 1 : h + 2] * ratio[: h + 1]).sum() for h in range(COMMON)])
    yield _alone("new_deals", came)
    yield _alone("inflow_level", level)
    yield _alone("probabilities", now.new[:COMMON] - expected - came - level)


def _alone(cause: str, value: Floats) -> Part:
    """Of no deal."""
    none = np.array([-1])
    return Part(cause, none, none, value[None, :])


def _ratio(above: Floats, below: Floats) -> Floats:
    """NaN where it is none."""
    found = np.full(len(above), np.nan)
    return np.divide(above, below, out=found, where=(below > 0) & (above > 0))


def _equal(first: Floats, second: Floats) -> Bools:
    """Of two amounts; unknown and unknown are equal."""
    return (first == second) | (np.isnan(first) & np.isnan(second))


def _summed(parts: list[Part], named: int) -> list[Part]:
    """One row a cause and deal for the deals that moved most (`named` of them at most), else a cause and stage."""
    moved = [p.those((p.value != 0).any(axis=1)) for p in parts]
    size = max((int(p.deal.max(initial=-1)) for p in moved), default=-1) + 1
    weight = np.zeros(size)
    for p in moved:
        mine = p.deal >= 0
        weight += np.bincount(p.deal[mine], np.abs(p.value[mine]).sum(axis=1), size)
    is_named = np.zeros(size + 1, dtype=bool)  # its last place is that of no deal
    is_named[np.argsort(-weight, kind="stable")[:named]] = True
    found = []
    for cause in dict.fromkeys(p.cause for p in moved):
        same = [p for p in moved if p.cause == cause]
        deal, stage = (np.concatenate([getattr(p, name) for p in same]) for name in ("deal", "stage"))
        value = np.concatenate([p.value for p in same])
        deal = np.where(is_named[deal], deal, -1)
        key, row = np.unique(np.stack((deal, stage)), axis=1, return_inverse=True)
        total = np.zeros((key.shape[1], COMMON))
        np.add.at(total, row.ravel(), value)
        found.append(Part(cause, key[0], key[1], total))
    return found


def _rounded(before: Said, now: Said, parts: list[Part]) -> Bridge:
    """In cents: each row is at most a cent off, so that they sum to what the rounded totals differ by."""
    size = [len(p.deal) for p in parts]
    value = 100 * np.concatenate([p.value for p in parts])
    change = now.cents[:COMMON] - before.cents[1:]
    rounding = change - 100 * (now.total[:COMMON] - before.total[1:])
    cents = np.diff(np.rint(value.cumsum(axis=0) + rounding), axis=0, prepend=0).astype(np.int64)
    row, position = np.nonzero(cents)
    cause = np.repeat(np.array([p.cause for p in parts], dtype=object), size)
    deal, stage = (np.concatenate([getattr(p, name) for p in parts]) for name in ("deal", "stage"))
    return Bridge(cause[row], now.as_of + 1 + position, deal[row], stage[row], cents[row, position])


def bridge_columns(
    s: Study, before: Said, now: Said, money: Money, deals: np.ndarray, stages: np.ndarray
) -> dict[str, Any]:
    """The bridge as columns of forecasting.records.COLUMNS. deals, stages: keys by code."""
    found = bridge(s, before, now, money)
    return {
        "record": "bridge", "as_of_month": np.full(len(found.cents), now.as_of), "target_month": found.target,
        "method": found.cause, "deal_key": _keys(deals, found.deal), "segment": _keys(stages, found.stage),
        "forecast": found.cents / 100,
    }  # fmt: skip


def _keys(names: np.ndarray, code: Ints) -> np.ndarray:
    found = np.full(len(code), None, dtype=object)
    found[code >= 0] = names[code[code >= 0]]
    return found

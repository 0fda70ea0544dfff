"""Bridges from and to frozen vintages: what was frozen is compared, not what the histories say today."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from forecasting.histories import NO_MONTH, month_start
from forecasting.pairs import Frozen, Names, Pairs
from forecasting.said import Money, said_of
from forecasting.study import study
from forecasting.vintage import point
from tests.forecasting.lives import generated, last_month

EURO = np.array(["EUR"])


@cache
def world():
    """A study, money all in euros, names, and its last month."""
    h = generated("sparse")
    s = study(h, last_month(h))
    names = Names(
        np.array([f"hubspot:{d}" for d in range(int(h.deal.max()) + 1)]),
        np.array([f"s{k}" for k in range(s.stages)]), EURO,
    )  # fmt: skip
    return s, Money(h.amount, np.zeros(len(h), dtype=np.int64)), names, last_month(h)


def date(month):
    return np.where(month == NO_MONTH, np.datetime64("NaT"), month_start(np.where(month == NO_MONTH, 0, month)))


def frozen_of(month):
    """The study's own vintage of a month as a file holds it, money in cents."""
    s, money, names, _ = world()
    said = said_of(s, point(s, month), money)
    d, size = said.opened, 9 * len(said.opened)
    each = np.repeat(np.arange(len(d)), 9)
    target = month + 1 + np.tile(np.arange(9), len(d))
    deals = {
        "month": date(np.full(size, month)), "target": date(target), "key": names.deals[d.deal[each]].astype(object),
        "p_won": d.won.ravel(), "expected": d.revenue.ravel().round(2), "amount": d.amount[each],
        "native": d.native[each], "currency": np.full(size, "EUR", dtype=object), "due": date(d.due[each]),
    }  # fmt: skip
    parts = {"booked": said.booked, "open_pipeline": d.revenue.sum(axis=0), "new_business": said.new,
             "total": said.total}  # fmt: skip
    figures = {
        "month": date(np.full(36, month)), "horizon": np.tile(np.arange(1, 10), 4),
        "component": np.repeat(list(parts), 9).astype(object),
        "expected": np.concatenate(list(parts.values())).round(2), "method": np.full(36, said.method, dtype=object),
    }  # fmt: skip
    return Frozen(deals, figures)


def bridged(frozen, *months):
    """{cause: cents} of the last pair, {deal: {cause: cents}}, and cents by target."""
    s, money, names, _ = world()
    pairs = Pairs(s, money, names, frozen)
    for month in months:
        pairs.add(point(s, month))
    (*_, rows) = pairs.chunks
    cents = np.rint(100 * rows["forecast"]).astype(int)
    causes = {c: int(cents[rows["method"] == c].sum()) for c in set(rows["method"])}
    deals = {}
    for key, cause, value in zip(rows["deal_key"], rows["method"], cents, strict=True):
        if key is not None:
            deals.setdefault(key, {}).setdefault(cause, 0)
            deals[key][cause] += int(value)
    return causes, deals, [int(cents[rows["target_month"] == months[-1] + k].sum()) for k in range(1, 9)]


@pytest.mark.parametrize("side", [-1, 0])
def test_a_vintage_frozen_as_it_is_gives_the_same_bridge(side):
    *_, last = world()
    own, ours, sums = bridged(None, last - 1, last)
    causes, deals, told = bridged(frozen_of(last + side), last - 1, last)
    assert told == sums
    assert set(causes) == set(own)
    assert all(abs(causes[cause] - own[cause]) < 200 for cause in own), (causes, own)
    assert {key for key, named in ours.items() if set(named) - {"probabilities"}} <= set(deals)


def test_what_was_known_otherwise_when_it_was_frozen_has_its_cause():
    """Of four deals: one was not known yet, one is merged away since, one's amount was a third, one was due later."""
    s, money, _, last = world()
    frozen = frozen_of(last - 1)
    now, before = (said_of(s, point(s, month), money).opened for month in (last, last - 1))
    stayed = [f"hubspot:{d}" for d in np.intersect1d(now.deal[now.amount > 0], before.deal[before.due != NO_MONTH])]
    unknown, merged, third, later = stayed[:4]
    d = {name: values.copy() for name, values in frozen.deals.items()}
    d["key"][d["key"] == merged] = "hubspot:gone"
    d["amount"][d["key"] == third] /= 3
    d["native"][d["key"] == third] /= 3
    d["expected"][d["key"] == third] /= 3
    d["due"][d["key"] == later] = month_start(last + 20)
    kept = d["key"] != unknown
    figures = dict(frozen.figures)
    lower = np.where(np.isin(figures["component"], ("open_pipeline", "total")), 1000.0, 0.0)
    figures["expected"] = figures["expected"] + lower
    changed = Frozen({name: values[kept] for name, values in d.items()}, figures)
    _, deals, sums = bridged(changed, last - 1, last)
    total = figures["expected"][figures["component"] == "total"]
    told = said_of(s, point(s, last), money).cents[:8] - np.rint(100 * total[1:]).astype(int)
    assert sums == told.tolist()
    assert set(deals[unknown]) == {"new_deals"}
    assert (set(deals["hubspot:gone"]), set(deals[merged])) == ({"lost"}, {"new_deals"})
    assert deals[third]["amount"] > 0
    assert "pulled_in" in deals[later]


def test_a_pair_of_frozen_vintages_keeps_a_deal_that_nobody_knows_any_more():
    *_, last = world()
    first, second = frozen_of(last - 1), frozen_of(last)
    pairs = ((getattr(first, part), getattr(second, part)) for part in ("deals", "figures"))
    both = Frozen(*({name: np.concatenate((one[name], two[name])) for name in one} for one, two in pairs))
    key = next(k for k in first.deals["key"] if k in set(second.deals["key"]))
    both.deals["key"][both.deals["key"] == key] = "hubspot:gone"
    _, deals, sums = bridged(both, last - 1, last)
    assert set(deals["hubspot:gone"]) <= {"probabilities", "slipped", "pulled_in", "amount"}
    assert sums == bridged(None, last - 1, last)[2]


def test_of_an_older_file_amounts_and_dates_are_those_of_the_histories():
    *_, last = world()
    frozen = frozen_of(last - 1)
    d = dict(frozen.deals)
    d |= {"amount": np.full(len(d["key"]), np.nan), "native": np.full(len(d["key"]), np.nan),
          "currency": np.full(len(d["key"]), "", dtype=object),
          "due": np.full(len(d["key"]), np.datetime64("NaT"))}  # fmt: skip
    causes, *_ = bridged(replace(frozen, deals=d), last - 1, last)
    whole, *_ = bridged(frozen, last - 1, last)
    assert causes == whole

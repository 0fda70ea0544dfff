"""Why a vintage differs from the one before, target month by target month: causes that sum to the change to the cent.

An open deal's revenue in a month is its probability there times its amount. Of a deal that both vintages hold, the
change of the amount counts at the old probability, the change of the probability at the new amount: the first as
`amount` where the deal's own amount was edited, the second as `slipped` or `pulled_in` where its expected close month
was; everything else that moves either (age, stage, what was learned) is `probabilities`. Amounts are at plan rates or
at those of the day of their last change, so a rate that moves changes no forecast: there is no `fx`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from forecasting.hazards import HORIZONS
from forecasting.histories import LOST, NO_MONTH, WON, Floats, Ints
from forecasting.new_business import lag_curve
from forecasting.study import Study
from forecasting.vintage import Point

CAUSES = (
    "won", "lost", "slipped", "pulled_in", "amount", "new_deals", "inflow_level", "probabilities", "method_version",
)  # fmt: skip
COMMON = HORIZONS - 1
"""Target months that two neighbouring vintages share."""
Rows = list[tuple[str, int, int, float]]
"""Cause, position of the target month, spell (-1: no deal), amount."""


def bridge(s: Study, before: Point, now: Point) -> tuple[np.ndarray, Ints, Ints, Ints]:
    """Cause, target month, spell (-1 where there is no deal) and cents of each part of the change.

    before, now: vintages of neighbouring month ends of the study. Deals are named but for `probabilities`."""
    rows: Rows = [*_known_deals(s, before, now), *_new_deals(s, before, now), *_inflow(s, before, now)]
    cause = np.array([row[0] for row in rows], dtype=object)
    position, spell = (np.array([row[i] for row in rows], dtype=np.int64) for i in (1, 2))
    cents = np.rint(100 * np.array([row[3] for row in rows], dtype=np.float64)).astype(np.int64)
    change = np.rint(100 * now.total[:COMMON]) - np.rint(100 * before.total[1:])
    told = np.bincount(position, cents, COMMON)
    # what is spread over all deals, and the cents lost to rounding
    rest = "probabilities" if before.is_cold == now.is_cold else "method_version"
    cause = np.concatenate((cause, np.full(COMMON, rest, dtype=object)))
    position = np.concatenate((position, np.arange(COMMON)))
    spell = np.concatenate((spell, np.full(COMMON, -1)))
    cents = np.concatenate((cents, (change - told).astype(np.int64)))
    kept = cents != 0
    return cause[kept], now.as_of + 1 + position[kept], spell[kept], cents[kept]


def _known_deals(s: Study, before: Point, now: Point) -> Rows:
    """Of the deals open at the earlier month end: those won or lost since, those whose date or amount was edited."""
    spell = before.opened.spell
    old = before.opened.revenue[:, 1:]
    here = np.full(len(s.spells), -1)
    here[now.opened.spell] = np.arange(len(now.opened.spell))
    at = here[spell]
    rows: Rows = []
    for kind, name in ((WON, "won"), (LOST, "lost")):
        for i in np.flatnonzero((at < 0) & (s.spells.end_kind[spell] == kind)):
            ahead = int(s.spells.revenue_month[spell[i]]) - now.as_of - 1
            for h in range(COMMON):
                booked = s.spells.value[spell[i]] if kind == WON and h == ahead else 0.0
                rows.append((name, h, int(spell[i]), float(booked - old[i, h])))
    stays = np.flatnonzero(at >= 0)
    first, second = s.open_at(before.as_of), s.open_at(now.as_of)
    amounts = s.panel.amount[first][stays], s.panel.amount[second][at[stays]]
    due = s.panel.due[first][stays], s.panel.due[second][at[stays]] + 1
    edited = ~((amounts[0] == amounts[1]) | (np.isnan(amounts[0]) & np.isnan(amounts[1])))
    dated = (due[0] != NO_MONTH) & (due[1] != NO_MONTH + 1)
    for j in np.flatnonzero(edited):
        i, k = stays[j], at[stays[j]]
        moved = before.opened.won[i, 1:] * (now.opened.amount[k] - before.opened.amount[i])
        rows += [("amount", h, int(spell[i]), float(moved[h])) for h in range(COMMON)]
    for j in np.flatnonzero(dated & (due[0] != due[1])):
        i, k = stays[j], at[stays[j]]
        moved = (now.opened.won[k, :COMMON] - before.opened.won[i, 1:]) * now.opened.amount[k]
        name = "slipped" if due[1][j] > due[0][j] else "pulled_in"
        rows += [(name, h, int(spell[i]), float(moved[h])) for h in range(COMMON)]
    return rows


def _new_deals(s: Study, before: Point, now: Point) -> Rows:
    """Deals created or reopened in the month, and what had been expected of such."""
    rows: Rows = []
    created = s.spells.start == now.as_of
    for i in np.flatnonzero(created[now.opened.spell]):
        rows += [("new_deals", h, int(now.opened.spell[i]), float(now.opened.revenue[i, h])) for h in range(COMMON)]
    ahead = s.spells.revenue_month - now.as_of - 1
    booked = created & (s.spells.end_kind == WON) & (s.spells.end <= now.as_of) & (ahead >= 0) & (ahead < COMMON)
    rows += [("new_deals", int(ahead[i]), int(i), float(s.spells.value[i])) for i in np.flatnonzero(booked)]
    share = _by_creation(s, before)[:, 0]
    rows += [("new_deals", h, -1, float(-share[h + 1] * before.new_revenue[h + 1])) for h in range(COMMON)]
    return rows


def _inflow(s: Study, before: Point, now: Point) -> Rows:
    """What the new level of inflow changes in deals still to be created, at the old value by months since creation."""
    share = _by_creation(s, before)
    old, new = before.new.inflow.expected, now.new.inflow.expected
    rows: Rows = []
    for h in range(COMMON):
        ratio = new[: h + 1] / np.maximum(old[1 : h + 2], 1e-9) - 1
        moved = before.new_revenue[h + 1] * (share[h + 1, 1 : h + 2] * ratio).sum()
        rows.append(("inflow_level", h, -1, float(moved)))
    return rows


def _by_creation(s: Study, p: Point) -> Floats:
    """(9, 9) share of each target month's new business by month of creation."""
    value = lag_curve(s, p.as_of, p.opened.rhythm).value
    share = np.zeros((HORIZONS, HORIZONS))
    for h in range(HORIZONS):
        share[h, : h + 1] = p.new.inflow.expected[: h + 1] * value[h::-1]
        share[h] /= max(share[h].sum(), 1e-9)
    return share


def bridge_columns(s: Study, before: Point, now: Point, deals: np.ndarray) -> dict[str, Any]:
    """The bridge as columns of forecasting.records.COLUMNS."""
    cause, target, spell, cents = bridge(s, before, now)
    key = np.full(len(spell), None, dtype=object)
    key[spell >= 0] = deals[s.spells.deal[spell[spell >= 0]]]
    return {"record": "bridge", "as_of_month": np.full(len(cents), now.as_of), "target_month": target,
            "method": cause, "deal_key": key, "forecast": cents / 100}  # fmt: skip

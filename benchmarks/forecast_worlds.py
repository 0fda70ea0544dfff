"""Generated sales pipelines for the forecast's backtest, in the canonical form of `funnel backtest --transitions`.

Six kinds: steady, seasonal, shocked (odds and inflow break, clean-ups), big, long (cycles of many months), sparse.
Written from what sales pipelines do (pushed close dates, closing rush at quarter ends, whales, dead stock), not from
what the forecast assumes: win odds depend on deal quality that no column shows.
"""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from forecasting.histories import LOST, NO_MONTH, OPEN, WON, Histories, histories, month_of

STAGES = ("qualification", "meeting", "proposal", "negotiation", "closing")
KINDS = ("steady", "seasonal", "shocked", "big", "long", "sparse")
PROBABILITIES = (0.1, 0.2, 0.4, 0.6, 0.8)
"""What the CRM of these companies says of each open stage: set by somebody who knows how their deals go."""
DEFAULTS = (0.2, 0.4, 0.6, 0.8, 0.9, np.nan, np.nan)
"""What HubSpot's default pipeline says of its five open stages (appointment scheduled, qualified to buy, presentation
scheduled, decision maker bought-in, contract sent) until somebody changes it; won and lost have none here."""
START = np.datetime64("2020-01-01", "D")


@dataclass(frozen=True)
class Kind:
    """deals created a month, mean days a stage, share that moves on from each stage, amplitude of the season, weight
    of quarter ends, months of life, standard deviation of log amounts."""

    inflow: float
    days: float
    onward: float = 0.72
    season: float = 0.0
    rush: float = 0.0
    months: int = 48
    spread: float = 0.9
    growth: float = 0.0
    shocks: bool = False


PARAMETERS = {
    "steady": Kind(170, 14),
    "seasonal": Kind(190, 16, season=0.35, rush=0.6, growth=0.01),
    "shocked": Kind(200, 15, rush=0.3, shocks=True),
    "big": Kind(420, 18, season=0.15, rush=0.4, spread=1.1),
    "long": Kind(150, 45, season=0.2, rush=0.4, growth=0.005),
    "sparse": Kind(26, 18, season=0.1, spread=1.1),
}


def world(kind: str, seed: int) -> Histories:
    """One pipeline's life as histories; the same seed gives the same life."""
    rows = _rows(PARAMETERS[kind], np.random.default_rng([seed, KINDS.index(kind)]))
    deal, at, stage, state, amount, due, probability = (np.array(column) for column in zip(*rows, strict=True))
    times = START.astype("datetime64[us]") + (at * 86_400_000_000).astype("timedelta64[us]")
    dues = np.where(np.isnan(due), np.datetime64("NaT"), START + np.nan_to_num(due).astype(int))
    close = np.where(np.isnan(due), NO_MONTH, month_of(dues.astype("datetime64[us]")))
    return histories(deal.astype(int), times, stage.astype(int), state.astype(int), amount, close,
                     probability=probability, close_date=dues)  # fmt: skip


def _rows(kind: Kind, random: np.random.Generator) -> list[tuple[float, ...]]:
    rows: list[tuple[float, ...]] = []
    number, end = 0, kind.months * 30.4375
    break_month = int(random.integers(26, 34)) if kind.shocks else 10**6
    factor, odds = (random.choice([0.5, 2.0]), random.choice([0.65, 1.4])) if kind.shocks else (1.0, 1.0)
    for month in range(kind.months):
        level = kind.inflow * (1 + kind.growth) ** month * (factor if month >= break_month else 1.0)
        level *= 1 + kind.season * np.sin(2 * np.pi * (month % 12) / 12 + 0.7)
        for _ in range(random.poisson(level * random.gamma(60, 1 / 60))):
            start = (month + random.random()) * 30.4375
            _life(rows, number, start, end, kind, odds, break_month * 30.4375, random)
            number += 1
    if kind.shocks:
        rows = _cleaned(rows, (break_month + 5) * 30.4375)
    return rows


def _life(rows, number, start, end, kind, odds, break_day, random) -> None:
    quality = random.normal()
    amount = float(np.exp(9 + kind.spread * random.normal() - 0.15 * quality))
    known = random.random() > 0.08
    sandbag = random.normal(0, 0.4)
    day, due = start, start + kind.days * len(STAGES) * np.exp(sandbag) * 0.8
    for stage in range(len(STAGES)):
        if day >= end:
            return
        if day > due:
            due = day + random.exponential(kind.days * 2)
        rows.append((number, day, stage, OPEN, amount if known or stage > 1 else np.nan, due, PROBABILITIES[stage]))
        stay = random.gamma(1.3, kind.days / 1.3) * np.exp(0.3 * random.normal())
        chance = 1 / (1 + np.exp(-(np.log(kind.onward / (1 - kind.onward)) + 0.5 * quality)))
        chance *= odds ** (1 / len(STAGES)) if day > break_day else 1.0
        dies = random.random() > min(chance, 0.97)
        leave = day + stay * (2.2 if dies else 1.0)
        if leave > due and random.random() < 0.7:
            pushed = (day + leave) / 2
            due = leave + random.exponential(kind.days)
            if pushed < end:
                rows.append((number, pushed, stage, OPEN, amount, due, PROBABILITIES[stage]))
        if dies:
            if random.random() < 0.85 and leave < end:
                rows.append((number, leave, len(STAGES) + 1, LOST, amount, due, np.nan))
            return
        if random.random() < 0.15:
            amount *= float(np.exp(random.normal(-0.1, 0.3)))
        day = leave
    day = _rushed(day, kind.rush, random)
    if day < end:
        rows.append((number, day, len(STAGES), WON, amount, due, np.nan))


def _rushed(day: float, rush: float, random: np.random.Generator) -> float:
    """Some wins wait for, or are pulled into, the last month of the quarter."""
    position = int(day / 30.4375) % 3
    if position == 0 and random.random() < 0.5 * rush:
        return day + 30.4375 * (1 + random.random() * 0.9)
    if position == 1 and random.random() < 0.4 * rush:
        return day + 30.4375 * 0.7
    return day


def _cleaned(rows: list[tuple[float, ...]], day: float) -> list[tuple[float, ...]]:
    """One evening's clean-up: deals without a change for half a year are lost, all on the same day."""
    last: dict[float, tuple[float, ...]] = {}
    for row in rows:
        if row[1] < day and (row[0] not in last or row[1] >= last[row[0]][1]):
            last[row[0]] = row
    dead = {n for n, row in last.items() if row[3] == OPEN and row[1] < day - 180}
    kept = [row for row in rows if row[0] not in dead or row[1] < day]
    return kept + [(n, day, len(STAGES) + 1, LOST, last[n][4], last[n][5], np.nan) for n in sorted(dead)]


def write(h: Histories, path: Path) -> None:
    """The histories as a canonical CSV.gz (times to the second)."""
    kinds = {OPEN: "open", WON: "won", LOST: "lost"}
    names = (*STAGES, "won", "lost")
    with gzip.open(path, "wt", newline="") as file:
        out = csv.writer(file)
        out.writerow(["deal_id", "entered_at", "stage", "kind", "amount", "expected_close_date", "segment"])
        for i in range(len(h)):
            due = "" if h.close_month[i] == NO_MONTH else f"{h.close_month[i] // 12}-{h.close_month[i] % 12 + 1:02d}-15"
            amount = "" if np.isnan(h.amount[i]) else f"{h.amount[i]:.2f}"
            at = str(h.at[i].astype("datetime64[s]"))
            out.writerow([h.deal[i], at, names[h.stage[i]], kinds[h.kind[i]], amount, due, "all"])

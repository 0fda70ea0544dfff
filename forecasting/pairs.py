"""Bridges between neighbouring vintages: as the study makes them, or as they were frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from forecasting.bridge import bridge_columns
from forecasting.hazards import HORIZONS
from forecasting.histories import NO_MONTH, Floats, Ints, month_of
from forecasting.records import Chunk
from forecasting.said import Deals, Money, Said, by_creation, said_of
from forecasting.study import Study
from forecasting.vintage import Point


@dataclass(frozen=True)
class Frozen:
    """Frozen vintages as columns. deals: month and target (datetimes), key, p_won, expected, amount, native, currency,
    due (datetime; the last four null in files older than they are); figures: month, horizon, component, expected and
    method of the company."""

    deals: Mapping[str, np.ndarray]
    figures: Mapping[str, np.ndarray]

    @property
    def months(self) -> set[int]:
        """Months that are frozen."""
        return set(_months(self.figures["month"]).tolist())


@dataclass(frozen=True)
class Names:
    """Keys by their codes."""

    deals: np.ndarray
    stages: np.ndarray
    currencies: np.ndarray


@dataclass
class Pairs:
    """Fed with the points of month ends in their order; chunks: the bridges as records."""

    s: Study
    money: Money
    names: Names
    frozen: Frozen | None = None
    chunks: list[Chunk] = field(default_factory=list)
    before: Said | None = None

    def __post_init__(self) -> None:
        """Deals that the histories no longer know (merged away) get codes of their own behind the known ones."""
        self.codes: dict[str, int] = {}
        self.deals = self.names.deals
        if self.frozen is not None and len(self.frozen.deals["key"]):
            self.codes = {str(key): code for code, key in enumerate(self.names.deals)}
            strange = sorted({str(key) for key in self.frozen.deals["key"]} - self.codes.keys())
            self.codes |= {key: len(self.codes) + i for i, key in enumerate(strange)}
            self.deals = np.concatenate((self.names.deals, np.array(strange, dtype=object)))

    def add(self, p: Point) -> None:
        """The next month end."""
        is_frozen = self.frozen is not None and p.as_of in self.frozen.months
        now = self._frozen(p) if is_frozen else said_of(self.s, p, self.money)
        if self.before is not None and self.before.as_of == p.as_of - 1:
            told = bridge_columns(self.s, self.before, now, self.money, self.deals, self.names.stages)
            self.chunks.append(told)
        self.before = now

    def _frozen(self, p: Point) -> Said:
        """What was frozen; inflow and shares, which no file holds, are the study's."""
        assert self.frozen is not None
        figures = _rows(self.frozen.figures, p.as_of)
        by_part = {}
        for part in ("total", "new_business", "open_pipeline"):
            mine = figures["component"] == part
            by_part[part] = np.zeros(HORIZONS)
            by_part[part][figures["horizon"][mine].astype(int) - 1] = figures["expected"][mine]
        opened = self._opened(p, by_part["open_pipeline"])
        total, new = by_part["total"], by_part["new_business"]
        return Said(
            p.as_of, str(figures["method"][0]), np.rint(100 * total).astype(np.int64),
            total - new - opened.revenue.sum(axis=0), new, opened, by_creation(self.s, p), p.new.inflow.expected,
        )  # fmt: skip

    def _opened(self, p: Point, expected: Floats) -> Deals:
        """The deals of a frozen month end; cents lost when each was rounded are spread over them."""
        assert self.frozen is not None
        rows = _rows(self.frozen.deals, p.as_of)
        code = np.array([self.codes[str(key)] for key in rows["key"]], dtype=np.int64)
        deal, first, place = np.unique(code, return_index=True, return_inverse=True)
        won, revenue = np.zeros((len(deal), HORIZONS)), np.zeros((len(deal), HORIZONS))
        horizon = _months(rows["target"]) - p.as_of - 1
        won[place, horizon], revenue[place, horizon] = rows["p_won"], rows["expected"]
        odds = won.sum(axis=1)
        if_won = np.divide(revenue.sum(axis=1), odds, out=np.zeros(len(deal)), where=odds > 0)
        sums = (won * if_won[:, None]).sum(axis=0)
        won *= np.divide(expected, sums, out=np.ones(HORIZONS), where=sums > 0)
        spell, row = self._places(p, deal)
        known = np.where(row >= 0, row, 0)
        panel = self.s.panel
        stage = np.where(row >= 0, panel.stage[known], -1) if len(panel) else np.full(len(deal), -1)
        amount, native, currency, due = self._facts(rows, first)
        if not (currency >= 0).any() and len(panel):  # an older file: what the histories say
            history = panel.row[known]
            there = row >= 0
            amount = np.where(there, panel.amount[known], np.nan)
            native = np.where(there, self.money.native[history], np.nan)
            currency = np.where(there, self.money.currency[history], -1)
            due = np.where(there & (panel.due[known] != NO_MONTH), p.as_of + panel.due[known], NO_MONTH)
        return Deals(deal, spell, stage, won, if_won, amount, native, currency, due)

    def _places(self, p: Point, deal: Ints) -> tuple[Ints, Ints]:
        """Of each deal its spell at the month end (where it was closed already, as is known now: the last one before;
        -1: none) and its row of the panel (-1: it was not open)."""
        x, here = self.s.spells, self.s.open_at(p.as_of)
        spell, row = np.full(len(self.deals), -1), np.full(len(self.deals), -1)
        early = np.flatnonzero(x.start <= p.as_of)
        spell[x.deal[early]] = early  # in the order of time: the last one stays
        opened = self.s.panel.spell[here]
        spell[x.deal[opened]] = opened
        row[x.deal[opened]] = np.arange(here.start, here.stop)
        return spell[deal], row[deal]

    def _facts(self, rows: Mapping[str, np.ndarray], first: Ints) -> tuple[Floats, Floats, Ints, Ints]:
        """Amount, native amount, currency's code (-1: unknown) and due month of the deals with these first rows."""
        codes = {str(name): code for code, name in enumerate(self.names.currencies)}
        currency = np.array([codes.get(str(name), -1) for name in rows["currency"][first]], dtype=np.int64)
        return rows["amount"][first], rows["native"][first], currency, _months(rows["due"][first])


def _rows(columns: Mapping[str, np.ndarray], month: int) -> dict[str, np.ndarray]:
    mine = _months(columns["month"]) == month
    return {name: values[mine] for name, values in columns.items()}


def _months(dates: np.ndarray) -> Ints:
    return month_of(dates.astype("datetime64[us]"))

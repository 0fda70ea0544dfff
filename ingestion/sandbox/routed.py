"""Base of a stand-in (standins.py) with several endpoints: routes, refusals, the account's own share of the world."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from ingestion.sandbox.model import DAY, Record, Status, status
from ingestion.sandbox.standins import Answer, Asked
from ingestion.sandbox.world import World

Row = dict[str, Any]


class Refused(Exception):
    """An answer that is not 2xx (or, where the vendor does so, an error inside a 200)."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(str(body))
        self.answer: Answer = (status, body, dict(headers or {}))


class Routed:
    """One account. Subclasses give `routes`, `admit` and an endpoint a route; endpoints raise Refused."""

    routes: ClassVar[tuple[tuple[str, str, str], ...]]
    """(method, pattern of the path, name of the endpoint)"""
    bin_days: float | None = None
    """Days that a deleted record can still be had."""

    def __init__(self, world: World, *, deals: Callable[[int], bool] | None = None) -> None:
        """`deals`: which deal numbers are this account's (all)."""
        self.world, self.keeps = world, deals or (lambda number: True)
        self._routes = [(method, re.compile(pattern), name) for method, pattern, name in self.routes]
        self._tables: dict[str, tuple[tuple[int, int], list[Row]]] = {}

    def answer(self, asked: Asked) -> Answer:
        try:
            self.admit(asked)
            return self._routed(asked)
        except Refused as refused:
            return refused.answer

    def refusal(self, rule: Mapping[str, Any]) -> Answer | None:
        found = self.of_rule(rule)
        return None if found is None else found.answer

    def _routed(self, asked: Asked) -> Answer:
        for wanted, pattern, name in self._routes:
            match = pattern.fullmatch(asked.path)
            if match and wanted == asked.method:
                with self.world.lock:
                    self.world.observe()
                    found: Answer = getattr(self, name)(asked, **match.groupdict())
                return found
        raise self.unknown()

    def admit(self, asked: Asked) -> None:
        """Raises Refused where the credential is not good, or an allowance is used up."""

    def unknown(self) -> Refused:
        return Refused(404, {})

    def of_rule(self, rule: Mapping[str, Any]) -> Refused | None:
        """The refusal that a fault's rule stands for (faults.KINDS); None for the kinds that are no plain refusal."""
        return None

    def table(self, name: str, made: Callable[[], Iterator[Row]]) -> list[Row]:
        """Rows as of the world's now, made once."""
        key = (self.world.now, self.world.version)
        if self._tables.get(name, (None,))[0] != key:
            self._tables[name] = key, list(made())
        return self._tables[name][1]

    def records(self, kind: str) -> Iterator[tuple[Record, Status]]:
        """Those that the account holds now: live, or deleted and merged away less than `bin_days` ago."""
        for record in self.world.records(kind):
            if kind == "deals" and not self.keeps(record.id):
                continue
            found = status(record, self.world.now)
            in_bin = self.bin_days is None or self.world.now - found.since < self.bin_days * DAY
            if found.kind == "live" or (found.kind in ("archived", "merged") and in_bin):
                yield record, found

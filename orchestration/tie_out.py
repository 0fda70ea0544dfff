"""ledger.csv: what the books say was won, a line a month, currency and pipeline (optional); see ledger_tie_out."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

from ingestion.errors import ConfigError
from orchestration import own_csv

COLUMNS = ("month", "amount", "currency", "pipeline")
Entry = tuple[int, date, Decimal, str, str | None]


def read_ledger(path: Path) -> list[Entry]:
    """(line, first day of the month, amount, currency, pipeline or None); no file, no entries. Amounts of either sign.

    Errors: ConfigError with line and reason, also where a line repeats another one or pipelines are named in some only.
    """
    entries = own_csv.read(path, COLUMNS, _entry, optional=1)
    seen: dict[tuple[object, ...], int] = {}
    for line, month, _, currency, pipeline in entries:
        if (before := seen.setdefault((month, currency, pipeline), line)) != line:
            raise ConfigError(f"{path.name} line {line}: repeats the month, currency and pipeline of line {before}")
        if (pipeline is None) != (entries[0][4] is None):
            raise ConfigError(f"{path.name} line {line}: name the pipeline in every line or in none")
    return entries


def _entry(line: int, row: dict[str, str]) -> Entry:
    currency = row["currency"]
    if len(currency) != 3 or not currency.isupper():
        raise ValueError(f"'{currency}' is not a three-letter currency code")
    month, amount = own_csv.month("month", row["month"]), own_csv.money("amount", row["amount"])
    return line, month, amount, currency, row["pipeline"] or None

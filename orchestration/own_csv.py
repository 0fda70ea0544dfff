"""Small CSV files that people keep in FUNNEL_HOME: rows with their line, and errors that name it."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TypeVar

from ingestion.errors import ConfigError

LARGEST = Decimal(10) ** 16
Row = TypeVar("Row")


def read(
    path: Path, columns: Sequence[str], make: Callable[[int, dict[str, str]], Row], optional: int = 0
) -> list[Row]:
    """`make(line, {column: text})` of each row; no file, no rows. The last `optional` columns may be missing.

    `make` raises ValueError with what is wrong. Errors: ConfigError with file, line and reason.
    """
    if not path.exists():
        return []
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        header = [name.strip() for name in next(reader, [])]
        if len(header) < len(columns) - optional or header != list(columns[: len(header)]):
            last = f" (without {', '.join(columns[-optional:])} if you like)" if optional else ""
            raise ConfigError(f"{path.name} line 1: the columns must be {','.join(columns)}{last}")
        found = []
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            try:
                if len(cells) > len(header):
                    raise ValueError(f"more than {len(header)} values (a decimal comma?)")
                texts = [cell.strip() for cell in cells] + [""] * (len(columns) - len(cells))
                found.append(make(reader.line_num, dict(zip(columns, texts, strict=True))))
            except ValueError as error:
                raise ConfigError(f"{path.name} line {reader.line_num}: {error}") from None
        return found


def month(name: str, text: str) -> date:
    """First day of `2026-03`, also written `2026-03-01`. Errors: ValueError."""
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])(-01)?", text):
        raise ValueError(f"{name} '{text}' is not a month (such as 2026-03)")
    return date(int(text[:4]), int(text[5:7]), 1)


def money(name: str, text: str) -> Decimal:
    """An amount of either sign, to the cent. Errors: ValueError."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{name} '{text}' is not a number") from None
    if not (value.is_finite() and abs(value) < LARGEST):
        raise ValueError(f"{name} '{text}' is not an amount")
    return value.quantize(Decimal("0.01"))

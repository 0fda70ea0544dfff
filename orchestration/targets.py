"""targets.csv: what was to be reached, a line a period of months. What the file itself gets wrong stops a run with its
line; what only the warehouse can tell (nobody of that name, periods that overlap) is set aside by the models.
"""

from __future__ import annotations

import csv
import re
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

from ingestion.errors import ConfigError

COLUMNS = ("level", "key", "from", "to", "version", "quota", "budget")
LEVELS = ("company", "pipeline", "team", "owner")
LARGEST = Decimal(10) ** 16
Target = tuple[int, str, str, date, date, date | None, Decimal | None, Decimal | None]


def read_targets(path: Path) -> list[Target]:
    """(line, level, key, first month, last month, day of the version, quota, budget), money a month in the reporting
    currency; no file, no targets. Errors: ConfigError with line and reason."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(name.strip() for name in reader.fieldnames or []) != COLUMNS:
            raise ConfigError(f"{path.name} line 1: the columns must be {','.join(COLUMNS)}")
        reader.fieldnames = list(COLUMNS)
        return [_target(path, reader.line_num, row) for row in reader]


def _target(path: Path, line: int, row: dict[str, str | None]) -> Target:
    try:
        if None in row:
            raise ValueError(f"more than {len(COLUMNS)} values (a decimal comma?)")
        level, key, first, last, version, quota, budget = ((row[name] or "").strip() for name in COLUMNS)
        if level not in LEVELS:
            raise ValueError(f"level '{level}' is none of {', '.join(LEVELS)}")
        if (level == "company") != (key in ("", "all")):
            raise ValueError(
                "of the company takes no key" if level == "company" else f"which {level}? the key is empty"
            )
        begins = _month(first)
        ends = _month(last) if last else begins
        if ends < begins:
            raise ValueError(f"the period ends ({last}) before it begins ({first})")
        if not quota and not budget:
            raise ValueError("neither quota nor budget")
        known_since = date.fromisoformat(version) if version else None
        return line, level, key or "all", begins, ends, known_since, _money("quota", quota), _money("budget", budget)
    except ValueError as error:
        raise ConfigError(f"{path.name} line {line}: {error}") from None


def _month(text: str) -> date:
    """First day of `2026-03`, also written `2026-03-01`."""
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])(-01)?", text):
        raise ValueError(f"'{text}' is not a month (such as 2026-03)")
    return date(int(text[:4]), int(text[5:7]), 1)


def _money(name: str, text: str) -> Decimal | None:
    if not text:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{name} '{text}' is not a number") from None
    if not (value.is_finite() and 0 <= value < LARGEST):
        raise ValueError(f"{name} '{text}' is not an amount of 0 or more")
    return value.quantize(Decimal("0.01"))

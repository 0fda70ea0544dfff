"""ledger.csv: what it may not say, with the line."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from ingestion.errors import ConfigError
from orchestration.tie_out import read_ledger


def test_lines_with_and_without_pipelines(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    assert read_ledger(path) == []
    path.write_text("month,amount,currency\n2026-06,-12.5,EUR\n\n2026-07-01,3,EUR\n")
    assert read_ledger(path) == [
        (2, date(2026, 6, 1), Decimal("-12.50"), "EUR", None), (4, date(2026, 7, 1), Decimal("3.00"), "EUR", None),
    ]  # fmt: skip
    path.write_text("month,amount,currency,pipeline\n2026-06,1,EUR,Sales\n2026-06,1,EUR,Renewals\n")
    assert [entry[4] for entry in read_ledger(path)] == ["Sales", "Renewals"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("2026-13,1,EUR,Sales", "line 3: month '2026-13' is not a month"),
        ("2026-07,1.000,5,EUR,Sales", r"line 3: more than 4 values \(a decimal comma"),
        ("2026-07,much,EUR,Sales", "line 3: amount 'much' is not a number"),
        ("2026-07,1,eur,Sales", "line 3: 'eur' is not a three-letter currency code"),
        ("2026-06,2,EUR,Sales", "line 3: repeats the month, currency and pipeline of line 2"),
        ("2026-07,2,EUR,", "line 3: name the pipeline in every line or in none"),
        ("2026-07", "line 3: amount '' is not a number|line 3: '' is not a three-letter"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "ledger.csv"
    path.write_text(f"month,amount,currency,pipeline\n2026-06,1,EUR,Sales\n{line}\n")
    with pytest.raises(ConfigError, match=r"ledger\.csv (" + told + ")"):
        read_ledger(path)
    path.write_text("month,amount\n")
    with pytest.raises(ConfigError, match=r"ledger\.csv line 1: the columns must be month,amount,currency,pipeline \("):
        read_ledger(path)

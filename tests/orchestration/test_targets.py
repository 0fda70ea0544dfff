"""targets.csv: read exactly; what is wrong names its line, and a command ends with 2 before anything is run."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from ingestion.errors import ConfigError
from orchestration import warehouse
from orchestration.targets import COLUMNS, read_targets

HEAD = ",".join(COLUMNS)


def test_targets_are_read_exactly(tmp_path: Path) -> None:
    path = tmp_path / "targets.csv"
    path.write_text(
        f"{HEAD}\ncompany,,2026-01,2026-12,,500000,40000.5\nowner,hubspot:7,2026-03-01,,2026-02-15, 0.10,\n",
        "utf-8-sig",
    )
    assert read_targets(path) == [
        (2, "company", "all", date(2026, 1, 1), date(2026, 12, 1), None, Decimal("500000.00"), Decimal("40000.50")),
        (3, "owner", "hubspot:7", date(2026, 3, 1), date(2026, 3, 1), date(2026, 2, 15), Decimal("0.10"), None),
    ]
    assert read_targets(tmp_path / "none.csv") == []
    warehouse.prepare(tmp_path / "w.duckdb")
    with warehouse.connect(tmp_path / "w.duckdb") as connection:
        connection.executemany(
            "insert into meta.configured_targets values (?, ?, ?, ?, ?, ?, ?, ?)", read_targets(path)
        )
        assert connection.execute("from meta.configured_targets order by line").fetchall() == read_targets(path)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("region,x,2026-01,,,1,", "level 'region' is none of company, pipeline, team, owner"),
        ("owner,,2026-01,,,1,", "which owner"),
        ("company,hubspot:7,2026-01,,,1,", "of the company takes no key"),
        ("owner,a,2026-13,,,1,", "'2026-13' is not a month"),
        ("owner,a,Q1 2026,,,1,", "'Q1 2026' is not a month"),
        ("owner,a,2026-03,2026-02,,1,", "ends .2026-02. before it begins"),
        ("owner,a,2026-03,,15.2.2026,1,", "15.2.2026"),
        ("owner,a,2026-03,,,,", "neither quota nor budget"),
        ("owner,a,2026-03,,,ten,", "quota 'ten' is not a number"),
        ("owner,a,2026-03,,,,-1", "budget '-1' is not an amount"),
        ("owner,a,2026-03,,,1,5,0", "more than 7 values"),
        ("owner,a,2026-03,,,NaN,", "quota 'NaN' is not an amount"),
        ("owner", "which owner|not a month"),
    ],
)
def test_a_wrong_target_names_its_line(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "targets.csv"
    path.write_text(f"{HEAD}\ncompany,,2026-01,,,1,\n{line}\n")
    with pytest.raises(ConfigError, match=f"targets.csv line 3: .*({reason})"):
        read_targets(path)


def test_other_columns_are_line_1(tmp_path: Path) -> None:
    path = tmp_path / "targets.csv"
    path.write_text("owner,month,quota\n")
    with pytest.raises(ConfigError, match=f"line 1: the columns must be {HEAD}"):
        read_targets(path)

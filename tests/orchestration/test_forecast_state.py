"""`funnel status` on the forecast: none and why, a cold start, a refusal, or silence where all is well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration import forecast_state


def published(folder: Path, *, forecasts: str = "", wins: int = 0, closed: int = 0, deals: int = 0) -> Path:
    """A publication: `forecasts` is the method of its one row (none where empty)."""
    rows = f"select '{forecasts}' as method_version" if forecasts else "select '' as method_version where false"
    with duckdb.connect(str(folder / "funnel.duckdb")) as connection:
        for sql in (
            "create schema marts",
            f"create table marts.forecast_current as {rows}",
            f"create table marts.forecast_monthly as {rows}",
            f"""create table marts.fct_won_revenue as select false as is_reversed,
                date '2026-01-01' + to_months((i % 2)::integer) as won_month from range({wins}) r(i)""",
            f"""create table marts.dim_deals as
                select if(i < {closed}, 'lost', 'open') as outcome from range({deals}) r(i)""",
        ):
            connection.execute(sql)
    return folder


@pytest.mark.parametrize(
    ("given", "state", "why"),
    [
        ({}, "none", "none: there is no deal"),
        ({"deals": 5, "closed": 4}, "none", "none: no deal was ever won"),
        ({"deals": 5, "wins": 1}, "none", "none: no win had happened by as-of"),
        (
            {"deals": 9, "wins": 3, "closed": 4, "forecasts": "m-cold"},
            "cold",
            "first win in 2026-01, 4 closed deals",
        ),
        ({"deals": 9, "wins": 3, "forecasts": "m"}, "published", ""),
    ],
)
def test_there_is_a_forecast_or_a_reason(tmp_path: Path, given: dict[str, Any], state: str, why: str) -> None:
    found = forecast_state.collect(published(tmp_path, **given), {})
    assert found is not None
    assert (found["state"], found["refused"]) == (state, [])
    assert why in found["why"]
    assert forecast_state.told(found) == ([f"forecast     {found['why']}"] if state != "published" else [])


def test_a_refusal_of_the_newest_is_named_and_other_refusals_are_not(tmp_path: Path) -> None:
    current = published(tmp_path, forecasts="m", wins=3, deals=9)
    refused = ["forecast_monthly.adds_up on marts.forecast_monthly: sums: 3 rows", "rejected_share on meta: no"]
    (line,) = forecast_state.told(forecast_state.collect(current, {"code": 3, "refused": refused}))
    assert "REFUSED by forecast_monthly.adds_up on marts.forecast_monthly; what is published" in line
    assert forecast_state.told(forecast_state.collect(current, {"code": 0, "refused": []})) == []


def test_a_publication_of_an_older_shape_says_nothing(tmp_path: Path) -> None:
    duckdb.connect(str(tmp_path / "funnel.duckdb")).close()
    assert forecast_state.told(forecast_state.collect(tmp_path, {})) == []

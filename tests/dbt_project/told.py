"""Lives through the warehouse: every model over a world of `lives`, and the cells in which a mart differs from it."""

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest
from lives import AS_OF, Life, iso, land, leads, lives
from lives_truth import Calendar
from whole import build, records

PROJECT_TESTS = Path(__file__).parents[2] / "dbt_project" / "tests"


@dataclass
class Told:
    """A warehouse, what happened in its world, and the calendar it is reported in."""

    con: duckdb.DuckDBPyConnection
    world: list[Life]
    people: list[tuple]
    calendar: Calendar
    compiled: dict[str, str]

    def failing(self) -> list[tuple[str, list]]:
        """Tests of the dbt project that find a row, with the first of them; those that only warn are left out."""
        refusing = [path for path in sorted(PROJECT_TESTS.glob("*.sql")) if "severity='warn'" not in path.read_text()]
        found = [(path.stem, self.con.execute(self.compiled[path.stem]).fetchmany(1)) for path in refusing]
        return [(name, row) for name, row in found if row]


def compiled_for(compiled: dict[str, str], zone: str, fiscal_start: int) -> dict[str, str]:
    """The SQL as dbt compiles it with these two vars (a soak test holds that against dbt, which takes ten seconds)."""
    shift = (fiscal_start - 1) % 3
    return {
        name: re.sub(r"at time zone 'UTC'(?!, '%Y)", f"at time zone '{zone}'", sql).replace(
            "interval '0 months'", f"interval '{shift} months'"
        )
        for name, sql in compiled.items()
    }


def tell(compiled: dict[str, str], target: Path, zone: str, fiscal_start: int, seed: int, count: int) -> Told:
    """A world of so many deals, built; the caller closes its connection."""
    world = lives(seed, ZoneInfo(zone), count)
    people = leads(seed, ZoneInfo(zone), world)
    here = compiled_for(compiled, zone, fiscal_start)
    con = build(here, target, lambda con: land(con, world, people), iso(AS_OF))
    return Told(con, world, people, Calendar(ZoneInfo(zone), fiscal_start), here)


def last(key: str) -> str:
    return key.split(":")[-1]


def waterfall_cells(told: Told) -> dict[tuple, tuple]:
    """x: cells with rows in them."""
    found = {}
    for row in records(told.con, "marts.mart_pipeline_waterfall_monthly"):
        for word in (name.removesuffix("_count") for name in row if name.endswith("_count")):
            key = (row["month"], row["basis"], last(row["pipeline_key"]), row["currency"], word)
            if row[f"{word}_count"] or row[f"{word}_amount"]:
                found[key] = (row[f"{word}_amount"], row[f"{word}_count"])
    return found


def kpi_cells(told: Told) -> dict[tuple[date, str], dict]:
    rows = records(told.con, "marts.mart_sales_kpis_monthly")
    return {(row["month"], last(row["pipeline_key"])): row for row in rows}


def cohort_cells(told: Told) -> dict[tuple, dict]:
    return {
        (row["cohort_month"], row["basis"], last(row["from_stage_key"]), last(row["to_stage_key"])): row
        for row in records(told.con, "marts.mart_funnel_conversion_monthly")
    }


def differences(found: dict, expected: dict) -> list[tuple]:
    """(cell, figure, ours, theirs); of rows given as dicts zeros and nulls are left out, doubles agree to 1e-9."""
    figures = {name for cell in expected.values() if isinstance(cell, dict) for name in cell}
    wrong = []
    for key in found.keys() | expected.keys():
        ours, theirs = found.get(key, {}), expected.get(key, {})
        if not figures:
            wrong += [(key, "", ours, theirs)] if ours != theirs else []
            continue
        for name in figures:
            mine, other = ours.get(name) or None, theirs.get(name)
            if mine != (pytest.approx(other, rel=1e-9) if isinstance(other, float) else other):
                wrong.append((key, name, mine, other))
    return sorted(wrong, key=repr)

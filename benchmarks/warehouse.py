"""Raw JSON in the database → every table: the dbt build as a run does it, beside one plain DuckDB script (plain.sql).

CPU seconds, each measurement a process of its own. dbt's fixed part, its start and what each node costs before its SQL,
is measured on a hundred deals in the same run and taken off (the issue allows 5 s and 60 ms a node, which is more).
`python -m benchmarks.warehouse [DEALS]`: 200,000 deals (1,000,000 stage events) unless said otherwise. `large`, or
`make bench ARGS=big`, compares ten times as many with that (an hour on an idle machine, 30 GB of disk).
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks import guard, sales_rows

DEALS = 200_000
BOUND = 4  # times the plain script
PEAK_GB = {True: 4, False: 6}  # by whether there are DEALS deals at most
TABLES = (
    "fct_deal_events", "fct_stage_transitions", "fct_pipeline_month_end", "dim_deals", "fct_won_revenue",
    "mart_sales_kpis_monthly", "fct_pipeline_movements", "mart_pipeline_waterfall_monthly",
    "mart_funnel_conversion_monthly", "mart_stage_performance_monthly", "mart_sales_monthly",
    "mart_rep_performance_monthly", "mart_open_deals", "mart_loss_reasons_monthly", "mart_definition_bridge",
)  # fmt: skip


@dataclass(frozen=True)
class Fixed:
    """CPU seconds of dbt's start and its nodes: as measured with next to nothing to do, and as the issue allows."""

    measured: float
    allowed: float

    def items(self) -> tuple[tuple[str, float], ...]:
        return (("measured", self.measured), ("allowed", self.allowed))


def build(home: Path, hours: float = 0) -> dict[str, Any]:
    """One dbt build of the warehouse in `home`, with its data tests; in this process. `hours`: how far the clock is."""
    from ingestion.config import Config
    from ingestion.settings import Connection, Secret, Settings
    from orchestration import dbt_build, warehouse
    from orchestration.home import Home

    connection = Connection("hubspot", "hubspot", "http://127.0.0.1:9", {"ACCESS_TOKEN": Secret("none")})
    settings = Settings(home, (connection,), Config(), Secret("none"), 3)
    Home(home).prepare()
    warehouse.prepare(settings.warehouse)
    as_of = sales_rows.AS_OF + timedelta(hours=hours)
    warehouse.write_run_clock(settings.warehouse, as_of, "bench", as_of)
    warehouse.write_configuration(settings.warehouse, settings, Home(home).rates, Home(home).targets)
    subprocess.run([sys.executable, "-m", "benchmarks.warehouse", "parse", str(home)], check=True)
    started, last = time.process_time(), [time.process_time()]
    cpu: dict[str, float] = {}

    def told(text: str) -> None:
        cpu[text] = time.process_time() - last[0]
        last[0] = time.process_time()

    outcome = dbt_build.invoke(settings, "build", *dbt_build.LEFT_OUT, progress=told)
    bad = [r.node.name for r in outcome.result.results if str(r.status) not in ("success", "pass")]
    if bad:
        raise SystemExit(f"not built: {', '.join(bad)}")
    return {
        "cpu": time.process_time() - started,
        "nodes": len(cpu),
        "tests": sum(seconds for text, seconds in cpu.items() if text.startswith("test")),
        "slowest": sorted(((round(s, 1), text) for text, s in cpu.items()), reverse=True)[:8],
        "peak_mb": _peak(),
    }


def parse(home: Path) -> None:
    """The manifest, so that a build does not parse the project."""
    from ingestion.config import Config
    from ingestion.settings import Secret, Settings
    from orchestration import dbt_build

    dbt_build.manifest(Settings(home, (), Config(), Secret("none"), 3))


def plain(home: Path) -> dict[str, Any]:
    """plain.sql over the same raw rows, into the schema `plain` of the same file."""
    from ingestion.loading import open_warehouse

    script = Path(__file__).with_name("plain.sql").read_text(encoding="utf-8")
    script = script.replace("{as_of}", f"timestamptz '{sales_rows.AS_OF:%Y-%m-%d %H:%M:%S}+00'")
    started = time.process_time()
    with open_warehouse(home / "warehouse.duckdb") as connection:
        connection.execute(script)
    return {"cpu": time.process_time() - started, "peak_mb": _peak()}


def child(what: str, home: Path, *arguments: str) -> dict[str, Any]:
    """A measurement in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.warehouse", what, str(home), *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def fixed_part(root: Path) -> Fixed:
    """CPU seconds of a build that has next to nothing to do."""
    home = root / "nothing"
    home.mkdir()
    sales_rows.make(home / "warehouse.duckdb", 100)
    figures = child("build", home)
    allowed = 5 + 0.06 * figures["nodes"]
    print(f"dbt's fixed part: {figures['cpu']:.1f} CPU s for {figures['nodes']} nodes", end="")
    print(f" = {figures['cpu'] / allowed:.2f} of the allowed {allowed:.1f} (5 s and 60 ms a node)")
    return Fixed(figures["cpu"], allowed)


def same_rows(home: Path) -> None:
    """Errors: SystemExit where the script's tables and dbt's do not have equal numbers of rows."""
    from ingestion.loading import open_warehouse

    with open_warehouse(home / "warehouse.duckdb") as connection:
        for table in TABLES:
            row = connection.execute(
                f"select (select count(*) from plain.{table}), (select count(*) from marts.{table})"
            ).fetchone()
            if row is None or row[0] != row[1]:
                raise SystemExit(f"{table}: {row} rows by the script and by dbt")
        connection.execute("drop schema plain cascade")


def measure(deals: int, root: Path, fixed: Fixed) -> float:
    """Full build against the plain script, then an hour later a refresh after 0.1 % of the deals changed.

    Prints ratios, over the measured and over the allowed fixed part. Returns the full build's CPU s over the measured.
    """
    home = root / str(deals)
    home.mkdir()
    sales_rows.make(home / "warehouse.duckdb", deals)
    script, full = child("plain", home), child("build", home)
    same_rows(home)
    told = [f"{(full['cpu'] - part) / script['cpu']:.2f} over the {name} fixed part" for name, part in fixed.items()]
    print(f"{deals} deals, raw to marts: {full['cpu']:.1f} CPU s, plain {script['cpu']:.1f}: ratio", end=" ")
    print(f"{', '.join(told)} (bound {BOUND}); peak {full['peak_mb'] / 1024:.1f} GB (bound {PEAK_GB[deals <= DEALS]})")
    print(f"  of these in data tests {full['tests']:.1f}; slowest: {full['slowest']}", flush=True)
    guard.tell(home)
    changed = sales_rows.change(home / "warehouse.duckdb", deals, 0.001)
    again = child("build", home, "1")
    told = [
        f"{(again['cpu'] - part) / (full['cpu'] - part):.2f} over the {name} fixed part" for name, part in fixed.items()
    ]
    print(f"refresh an hour and {changed} changed deals later: {again['cpu']:.1f} CPU s: ratio", end=" ")
    print(f"{', '.join(told)} (bound 0.25); slowest: {again['slowest']}", flush=True)
    shutil.rmtree(home)
    return float(full["cpu"]) - fixed.measured


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(deals: int = DEALS, *, large: bool = False) -> None:
    with tempfile.TemporaryDirectory() as folder:
        fixed = fixed_part(Path(folder))
        full = measure(deals, Path(folder), fixed)
        if large:
            print(f"ten times the events: {measure(10 * deals, Path(folder), fixed) / full:.1f} x the CPU (bound 15)")


if __name__ == "__main__":
    first = sys.argv[1] if len(sys.argv) > 1 else str(DEALS)
    if first == "build":
        print(json.dumps(build(Path(sys.argv[2]), float(sys.argv[3] if len(sys.argv) > 3 else 0))))
    elif first == "plain":
        print(json.dumps(plain(Path(sys.argv[2]))))
    elif first == "parse":
        parse(Path(sys.argv[2]))
    else:
        main(large=True) if first == "large" else main(int(first))

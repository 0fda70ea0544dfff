"""The guard over a built warehouse: CPU seconds of each table's checkpoint, Data Docs included, first audit and next.

`warehouse` measures it over its own build; `make bench ARGS=guard` builds 200,000 deals for it alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

BOUND = 15.0
"""CPU seconds of one checkpoint on 200,000 deals."""


def measure(home: Path) -> dict[str, Any]:
    """In this process: what imports cost, and of each table its rows and seconds: read, asked and validated."""
    from benchmarks.sales_rows import AS_OF
    from expectations import gate
    from ingestion.loading import open_warehouse
    from orchestration.audit import end_of, last_complete_month

    started = time.process_time()
    import great_expectations  # noqa: F401 what a run pays once
    import pandas  # noqa: F401

    imports = time.process_time() - started
    month = last_complete_month(AS_OF, "UTC")
    found = {}
    for guard in gate.guards():
        seconds = []
        history: dict[str, dict[str, float]] = {}
        for _ in range(2):
            started = time.process_time()
            with open_warehouse(home / "warehouse.duckdb", read_only=True) as connection:
                answers = gate.ask(connection, guard, end_of(month, "UTC"))
                frame = gate.read(connection, guard)
            facts = gate.Facts(month, history, {name: answer.frame() for name, answer in answers.items()})
            refused = [str(f) for f in gate.validate(guard, frame, facts, home / "docs") if not f.passed]
            history = guard.profile(frame)
            seconds.append(time.process_time() - started)
        found[guard.name] = {"rows": len(frame), "first": seconds[0], "next": seconds[1], "found": refused}
    return {"imports": imports, "tables": found}


def tell(home: Path) -> None:
    """Prints each table's seconds against the bound. Measured in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.guard", str(home)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    told = json.loads(done.stdout.splitlines()[-1])
    whole = sum(table["first"] for table in told["tables"].values())
    worst = max(max(table["first"], table["next"]) for table in told["tables"].values())
    print(
        f"guard: dearest checkpoint {worst:.1f} CPU s = {worst / BOUND:.2f} of {BOUND:g}, all of them {whole:.1f},",
        end="",
    )
    print(f" imports {told['imports']:.1f}")
    for name, table in told["tables"].items():
        print(f"  {name}: {table['rows']:,} rows, {table['first']:.1f} s, then {table['next']:.1f}", *table["found"])


def main(deals: int = 200_000) -> None:
    from benchmarks import sales_rows, warehouse

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir()
        sales_rows.make(home / "warehouse.duckdb", deals)
        warehouse.child("build", home)
        tell(home)


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1])), default=str))

"""A refresh with nothing new, as a scheduler starts it: `funnel run` in a process of its own, after one that
published. Wall is what the issue bounds (30 s, aimed at 20), CPU what the machine's other work does not change.

`python -m benchmarks.refresh [DEALS]`: 2,000 deals unless said otherwise.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.extraction import stand_in

COMMAND = [sys.executable, "-c", "import sys; from orchestration.cli import main; sys.exit(main())"]


def funnel(home: Path, url: str, *arguments: str) -> dict[str, Any]:
    """One command with --json; {wall, cpu} in seconds, and what it told. Errors: SystemExit where it failed."""
    env = {**os.environ, "FUNNEL_HOME": str(home), "HUBSPOT_ACCESS_TOKEN": "sandbox-token", "HUBSPOT_API_BASE": url}
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run([*COMMAND, *arguments, "--json"], env=env, capture_output=True, text=True)
    wall, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"funnel {' '.join(arguments)}: {done.stdout} {done.stderr}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": wall, "cpu": cpu, "told": json.loads(done.stdout)}


def show(what: str, run: dict[str, Any], bound: str) -> None:
    """A line of its own for each step that took a tenth of a second or more."""
    told, steps = run["told"], run["told"].get("seconds", {})
    print(f"{what}: {run['wall']:.1f} s wall ({bound}), {run['cpu']:.1f} CPU s; {told.get('outcome', '')}")
    for name, seconds in sorted(steps.items(), key=lambda step: -step[1]):
        if seconds >= 0.1:
            print(f"  {seconds:5.1f} s {name}")
    if steps:
        print(f"  {run['wall'] - sum(steps.values()):5.1f} s start, imports, Dagster between the steps", flush=True)


def main(deals: int = 2000) -> None:
    with stand_in("--deals", str(deals), "--seed", "3") as url, tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        show("first run", funnel(home, url, "run"), "no bound")
        time.sleep(10.5)  # the stand-in's rolling limit still counts the first run
        show("nothing new", funnel(home, url, "run"), "bound 30, aimed at 20")
        for command in ("status", "check"):
            run = funnel(home, url, command)
            print(f"funnel {command}: {run['wall']:.2f} s wall, {run['cpu']:.2f} CPU s (status: bound 1)")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))

"""What extraction and loading cost against the stand-in: requests, time under the rate limit, CPU, memory.

Each measurement is a child process of its own (peak memory is the kernel's figure for it). Yardsticks: the smallest
number of requests that can carry the records (50 a page with history, 100 without), the time that 190 requests in 10 s
dictate for the requests made, the issue's bounds. `python -m benchmarks.extraction 100000`: the cold load alone, of so
many deals.
"""

from __future__ import annotations

import json
import math
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = [sys.executable, "-m", "benchmarks.extraction"]


@contextmanager
def stand_in(*options: str) -> Iterator[str]:
    """A stand-in in a process of its own; its URL."""
    with tempfile.TemporaryDirectory() as folder:
        port = Path(folder) / "port"
        command = [sys.executable, "-m", "ingestion.sandbox.serve", "--port", "0", "--port-file", str(port), *options]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            while not (port.exists() and port.read_text().strip()):
                if process.poll() is not None:
                    raise RuntimeError("the stand-in did not start")
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port.read_text().strip()}"
        finally:
            process.terminate()
            process.wait()


def sync(url: str, home: str) -> dict[str, Any]:
    """One sync in a child process."""
    done = subprocess.run([*HERE, "child", url, home], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def child(url: str, home: str) -> None:
    """Extract and load once; print figures as JSON. Memory in MB, seconds of wall and CPU."""
    from ingestion.extract import extract
    from ingestion.loading import load_new, prepare, read_state
    from ingestion.settings import load_settings

    settings = load_settings({"HUBSPOT_ACCESS_TOKEN": "sandbox-token", "HUBSPOT_API_BASE": url}, Path(home))
    prepare(settings.warehouse)
    idle = _peak()
    started, cpu = time.monotonic(), time.process_time()
    reports = extract(settings, {"hubspot": read_state(settings.warehouse, "hubspot", "hubspot")})
    extracted = time.monotonic() - started
    load_new(settings.warehouse, settings.landing)
    errors = [str(report.error) for report in reports if report.error]
    if errors:
        raise SystemExit("; ".join(errors))
    print(
        json.dumps(
            {
                "streams": {r.stream: {"rows": r.rows, "requests": r.requests, "seconds": r.seconds} for r in reports},
                "requests": sum(r.requests for r in reports),
                "seconds": extracted,
                "cpu": time.process_time() - cpu,
                "idle_mb": idle,
                "peak_mb": _peak(),
            }
        )
    )


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def cold(deals: int = 10_000) -> None:
    """Cold load, a second sync a day later, and one after eight days, when everything is looked at once more."""
    with stand_in("--deals", str(deals), "--seed", "3") as url, tempfile.TemporaryDirectory() as home:
        first = sync(url, home)
        status = json.load(urllib.request.urlopen(f"{url}/_sandbox"))
        streams = first["streams"]
        least = math.ceil(status["live"]["deals"] / 50) + math.ceil(max(1, status["archived"]["deals"]) / 50) + 2 + 1
        made = sum(streams[name]["requests"] for name in ("deals", "owners", "deal_pipelines"))
        dictated = first["requests"] / 190 * 10
        print(f"requests for deals, owners, pipelines: {made} of at least {least} = {made / least:.3f} (bound 1.05)")
        print(
            f"time of all streams: {first['seconds']:.1f} s for {first['requests']} requests, dictated {dictated:.1f} s"
            f" = {first['seconds'] / (1.15 * dictated + 3):.2f} of 1.15 x that + 3 s (bound 1)"
        )
        print(
            f"memory: peak {first['peak_mb'] - first['idle_mb']:.0f} MB over idle for {streams['deals']['rows']} deals"
        )
        share = streams["deals"]["rows"] / sum(stream["rows"] for stream in streams.values())
        print(f"CPU socket to raw: {first['cpu']:.1f} s for all streams ({share:.0%} of the records are deals)")
        _advance(url, 1)
        time.sleep(10.5)  # the stand-in's rolling limit still counts the first sync
        second = sync(url, home)
        some = sum(second["streams"][name]["requests"] for name in ("deals", "owners", "deal_pipelines"))
        print(f"second sync a day later: {some} requests for deals, owners, pipelines (bound 25)")
        print(f"second sync, all streams: {second['requests']} requests (bound 60; best public connector 202)")
        _advance(url, 0.04)
        time.sleep(10.5)
        hour = sync(url, home)
        _advance(url, 7)
        time.sleep(10.5)
        weekly = sync(url, home)
        live = status["live"].values()
        print(
            f"weekly look at {sum(live)} records: {weekly['requests']} requests"
            f" (of them {sum(math.ceil(count / 100) for count in live)} list pages), {weekly['seconds']:.1f} s,"
            f" CPU {weekly['cpu']:.1f} s; an hour's sync: {hour['requests']} requests, CPU {hour['cpu']:.1f} s"
        )


def slow_line(deals: int = 10_000) -> None:
    """250 ms an answer."""
    options = ("--deals", str(deals), "--seed", "3", "--latency", "0.25")
    with stand_in(*options) as url, tempfile.TemporaryDirectory() as home:
        streams = sync(url, home)["streams"]
        slowest = max(streams[name]["seconds"] for name in ("deals", "contacts", "companies"))
        serial = sum(streams[name]["requests"] for name in ("deals",)) * 0.25
        print(
            f"250 ms an answer: deals, contacts, companies in {slowest:.1f} s (bound 40; deals serially {serial:.0f} s)"
        )


def memory(sizes: tuple[int, ...] = (10_000, 200_000)) -> None:
    """Peak memory of extraction and loading, over the idle process, at two sizes."""
    over = {}
    for deals in sizes:
        # A stand-in that announces a high limit: memory is measured here, not pacing.
        options = ("--deals", str(deals), "--seed", "3", "--rate", "1000000")
        with stand_in(*options) as url, tempfile.TemporaryDirectory() as home:
            figures = sync(url, home)
        over[deals] = figures["peak_mb"] - figures["idle_mb"]
        print(
            f"{figures['streams']['deals']['rows']} deals: peak {over[deals]:.0f} MB over idle (bound 500),"
            f" CPU {figures['cpu']:.1f} s, {figures['seconds']:.0f} s"
        )
    print(f"memory at {sizes[-1]} over {sizes[0]} deals: {over[sizes[-1]] / over[sizes[0]]:.2f}")


def _advance(url: str, days: float) -> None:
    body = json.dumps({"advance_days": days}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{url}/_sandbox/clock", body, method="POST")).read()


def main() -> None:
    cold()
    slow_line()
    memory()


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        child(*sys.argv[2:])
    else:
        cold(int(sys.argv[1])) if sys.argv[1:] else main()

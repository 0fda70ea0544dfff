"""`make demo`: the whole way against the local stand-in, with its proof. At most 50 lines of output.

The stand-in is a process of its own; the run is the same code path as with a real portal, two months of life apart.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from ingestion.registry import vendors
from ingestion.settings import PROJECT_ROOT, Settings, load_settings
from orchestration import demo_figures, demo_proof
from orchestration.errors import REFUSED
from orchestration.session import Request

START = "2026-08-31T20:00:00Z"
"""The world's first "now"; with two months of life it still ends well before today."""
DEFAULT = ("hubspot", "google_ads")
MONTHS_ON = 60
SILENT = tuple(f"FUNNEL_{name}{end}" for name in ("ALERT_WEBHOOK", "HEARTBEAT_URL") for end in ("", "_FILE"))
"""What the demo corrupts on purpose alarms nobody."""
STARTED_WITHIN = 60.0


@dataclass
class StandIn:
    """The running stand-in. `now`, `accounts` and `truth` are its control endpoints, not part of any vendor's API."""

    url: str

    def now(self) -> str:
        return str(json.load(self._open(""))["now"])

    def advance(self, days: int) -> None:
        self._open("/clock", json.dumps({"advance_days": days}).encode()).read()

    @cached_property
    def accounts(self) -> dict[str, dict[str, str]]:
        """{vendor that it stands in for: the environment that connects funnel to it}"""
        return dict(json.load(self._open("/accounts")))

    @property
    def crms(self) -> list[str]:
        return [name for name in self.accounts if name in vendors() and vendors()[name].gives_deals]

    def truth(self, table: str, folder: Path, **asked: str) -> Path:
        """The stand-in's truth of a table as it is now, as a file of NDJSON."""
        path = folder / f"truth-{table}.ndjson"
        path.write_bytes(self._open(f"/truth/{table}?{urlencode(asked)}").read())
        return path

    def naive(self) -> dict[str, int]:
        """How many deals of each kind a naive reader gets wrong."""
        return dict(json.load(self._open("/truth/naive")))

    def _open(self, path: str, body: bytes | None = None) -> Any:
        return urllib.request.urlopen(f"{self.url}/_sandbox{path}", body, timeout=60)


@contextmanager
def stand_in(home: Path, deals: int, seed: int, split: Sequence[str] = ()) -> Iterator[StandIn]:
    """Start the stand-in and wait until it answers; stop it in the end. `split`: CRMs that share its deals."""
    port = home / "stand-in.port"
    command = [sys.executable, "-m", "ingestion.sandbox.serve", "--port", "0", "--port-file", str(port), "--now", START]
    command += ["--deals", str(deals), "--seed", str(seed), *(["--split", ",".join(split)] if split else [])]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + STARTED_WITHIN
        while not (port.exists() and port.read_text().strip()):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("The stand-in did not start.")
            time.sleep(0.05)
        yield StandIn(f"http://127.0.0.1:{port.read_text().strip()}")
    finally:
        process.terminate()
        process.wait()


def main(deals: int, seed: int, asked: str) -> int:
    """Run the demo with the sources asked for ("all", names or nothing): 0 when every row agreed and the corrupted
    table was refused."""
    sources = _chosen(asked)
    crms = [name for name in sources if vendors()[name].gives_deals]
    home = Path(os.environ.get("FUNNEL_HOME") or PROJECT_ROOT / "data").absolute() / "demo"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    with stand_in(home, deals, seed, crms if len(crms) > 1 else ()) as source:
        # Before anything of Dagster is imported: its definitions read the environment.
        os.environ |= {
            "FUNNEL_HOME": str(home), **dict.fromkeys(SILENT, ""),
            **{name: value for vendor in sources for name, value in source.accounts[vendor].items()},
        }  # fmt: skip
        return _show(load_settings(), source, deals, sources)


def _chosen(text: str) -> list[str]:
    """The vendors asked for, CRMs first. Errors: SystemExit (2) that names those there are."""
    known = [name for name, vendor in vendors().items() if not vendor.is_reference]
    names = known if text == "all" else text.split(",") if text else list(DEFAULT)
    if strange := sorted(set(names) - set(known)):
        print(f"funnel demo: there is no source {', '.join(strange)}; there are {', '.join(known)}.", file=sys.stderr)
        raise SystemExit(2)
    return sorted(set(names), key=lambda name: (not vendors()[name].gives_deals, names.index(name)))


def _show(settings: Settings, source: StandIn, deals: int, sources: Sequence[str]) -> int:
    started = time.monotonic()
    titles = [vendors()[name].title for name in sources]
    print(
        f"A stand-in of {', '.join(titles)} with a sales world of {deals:,} deals answers at {source.url}", flush=True
    )
    first = _run(settings, source.now(), "First run, everything:")
    if first.code:
        return _failed(first)
    print(f"First figures {time.monotonic() - started:.0f} s after the start.\n", flush=True)
    source.advance(MONTHS_ON)
    second = _run(settings, source.now(), "Two months of sales later, only what changed:")
    if second.code:
        return _failed(second)
    published = settings.published / "current"
    equal = demo_proof.proof(published / "funnel.duckdb", source, settings.home, sources)
    demo_figures.sales(published / "funnel.duckdb")
    demo_figures.stages(published / "funnel.duckdb")
    demo_figures.forecast(published / "funnel.duckdb")
    refused = _corrupt(settings)
    _where(settings, published)
    print(f"Done in {time.monotonic() - started:.0f} s.")
    return 0 if equal and refused else 1


def _run(settings: Settings, as_of: str, title: str) -> Any:
    from orchestration import runner

    outcome = runner.run(settings, Request(as_of=as_of), say=lambda text: None)
    rows, requests = (sum(stream[name] for stream in outcome.streams) for name in ("rows", "requests"))
    seconds = outcome.seconds
    print(f"{title} {rows:,} records in {requests:,} requests, as of {as_of[:10]}")
    print(demo_figures.streams(outcome.streams))
    print("  seconds: " + ", ".join(f"{name} {value:.1f}" for name, value in seconds.items()), flush=True)
    return outcome


def _corrupt(settings: Settings) -> bool:
    """Damage one guarded table on purpose; the audit must refuse it by name and leave what is published alone."""
    from orchestration import runner, warehouse

    before = (settings.published / "current").readlink()
    with warehouse.connect(settings.warehouse) as connection:
        connection.execute(
            """update marts.mart_sales_kpis_monthly set win_rate = win_rate * 100
               where is_rollup and month =
                   (select max(month) from marts.mart_sales_kpis_monthly where is_complete_month)"""
        )
    outcome = runner.publish(settings, Request(), say=lambda text: None)
    stands = (settings.published / "current").readlink() == before
    print("\nOne table corrupted on purpose (a win rate in per cent instead of a share), then `funnel publish`:")
    print(f"  exit {outcome.code}: refused by {', '.join(check.split(' on ')[0] for check in outcome.refused[:3])}")
    print(f"  the last publication {'stands' if stands else 'IS GONE'}: {before.name}")
    return outcome.code == REFUSED and stands


def _where(settings: Settings, published: Path) -> None:
    shown = os.path.relpath(published)
    print(f"\nPublished: {shown}/funnel.duckdb, {shown}/parquet/*.parquet, {shown}/manifest.json")
    print("Ask it:    .venv/bin/python -c \"import duckdb; print(duckdb.connect('" + shown + "/funnel.duckdb',")
    print("           read_only=True).sql('select * from marts.dim_deals limit 5'))\"")
    print("Your own HubSpot: export HUBSPOT_ACCESS_TOKEN=pat-…; .venv/bin/funnel check && .venv/bin/funnel run")


def _failed(outcome: Any) -> int:
    print(outcome.message, file=sys.stderr)
    return int(outcome.code)

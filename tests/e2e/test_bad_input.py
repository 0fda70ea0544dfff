"""The issue's table "bad input", row by row through the command line: exit code, what a person is told, what stands.

Every test begins with a home after one good run and a source of its own at that very moment.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tenacity import wait_none

from ingestion import client, landing
from ingestion.landing import Landing
from ingestion.sandbox import faults
from ingestion.sandbox.hubspot_config import goal, goal_shapes
from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from orchestration import cli
from tests.e2e.conftest import BEGINNING, DEALS, SEED, Story
from tests.e2e.product import Done, Product, moment

DEALS_SCOPE, LEADS_SCOPE = "crm.objects.deals.read", "crm.objects.leads.read"
HOLDER = """
import sys, time
from pathlib import Path
from orchestration.lock import RunLock
with RunLock(Path(sys.argv[1]), "funnel run --full"):
    print("held", flush=True)
    time.sleep(60)
"""


@dataclass
class Bench:
    """`funnel` in this process (its imports are paid once) over one home and one source."""

    product: Product
    sandbox: Sandbox
    patch: pytest.MonkeyPatch
    output: pytest.CaptureFixture[str]

    def run(self, *arguments: str, as_of: str | None = None, **env: str) -> Done:
        return self.command("run", *arguments, "--as-of", as_of or moment(self.sandbox.world), **env)

    def command(self, *arguments: str, **env: str) -> Done:
        with self.patch.context() as patch:
            for name in list(os.environ):
                if name.startswith(("HUBSPOT", "FUNNEL", "DAGSTER")):
                    patch.delenv(name)
            for name, value in (self.product.environment() | env).items():
                patch.setenv(name, value)
            self.output.readouterr()
            code = cli.main([*arguments, "--json"])
        text = self.output.readouterr()
        return Done(code, json.loads(text.out.strip().splitlines()[-1]), text.out + text.err)

    def state(self) -> tuple[Any, ...]:
        """What a run that could not go on must leave as it was."""
        releases = sorted(path.name for path in (self.product.home / "published" / "releases").iterdir())
        return self.product.current.readlink(), releases

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of what is published now."""
        with duckdb.connect(str(self.product.published), read_only=True) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def place(beginning: Story, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One path for all tests: Dagster's definitions are loaded once."""
    return beginning.chapters[0].left.copy(tmp_path_factory.mktemp("bad") / "home").home


@pytest.fixture
def bench(
    beginning: Story, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Bench]:
    good = beginning.chapters[0].left.home
    for path in (path for path in place.iterdir() if path.name != "target"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in (path for path in good.iterdir() if path.name != "target"):
        copy = shutil.copytree if path.is_dir() else shutil.copy2
        copy(path, place / path.name, **({"symlinks": True} if path.is_dir() else {}))
    monkeypatch.setattr(client, "BACKOFF", wait_none())
    with Sandbox(World(seed=SEED, deals=DEALS, now=BEGINNING), rate=None, search_rate=None) as sandbox:
        sandbox.world.observe()  # by the run that made the home
        yield Bench(Product(place, sandbox.url), sandbox, monkeypatch, capsys)


def test_a_wrong_token_is_2_and_what_is_published_stands(bench: Bench) -> None:
    before, landed = bench.state(), Landing(bench.product.home / "landing").window_ids()
    done = bench.run(HUBSPOT_ACCESS_TOKEN="pat-eu1-wrong")
    assert done.code == 2
    assert done.message.startswith("Nothing could be extracted. hubspot/deal_pipelines: HubSpot refused the token")
    assert "in HUBSPOT_ACCESS_TOKEN and run again" in done.message
    assert "The last publication stands." in done.message
    assert "pat-eu1-wrong" not in done.text
    assert bench.state() == before
    assert Landing(bench.product.home / "landing").window_ids() == landed


def test_a_missing_deal_scope_is_2_and_named(bench: Bench) -> None:
    before = bench.state()
    bench.sandbox.api.without_scopes = {DEALS_SCOPE}
    done = bench.run()
    assert done.code == 2
    assert f"lacks the scope {DEALS_SCOPE}" in done.message
    assert "Add the scope" in done.message
    assert bench.state() == before


def test_what_can_be_gone_on_with_is_published_with_warnings(bench: Bench) -> None:
    """The lead scope is missing; properties were removed, renamed and added; three deals in four hundred are bad."""
    before, sandbox = bench.state(), bench.sandbox
    sandbox.api.without_scopes = {LEADS_SCOPE}
    sandbox.shapes.quirks.removed["deals"] |= {"closed_lost_reason"}
    sandbox.shapes.quirks.renamed["contacts"].update({"hs_lead_status": "lead_status_2"})
    sandbox.shapes.quirks.added["deals"].update({"score": "7"})
    garble = sandbox.shapes.quirks
    bad = faults.garble(sandbox.world, garble, {"kind": "bad_number", "object": "deals", "count": 2})
    nameless = sandbox.world.view("deals").live[7]
    faults.garble(sandbox.world, garble, {"object": "deals", "id": nameless, "null_id": True})
    whole = goal_shapes(sandbox.world)[0]
    owner, year = whole["properties"]["hubspot_owner_id"], int(whole["properties"]["hs_start_datetime"][:4])
    sandbox.api.goals = [goal(10**13, 404, year, 1, 5_000), goal(10**13 + 1, int(owner), year, 1, 9_000, months=2)]
    [(reasons,)] = bench.ask("select count(*) from marts.dim_deals where lost_reason is not null")
    assert reasons > 20
    done = bench.run("--full")
    assert (done.code, done.outcome["outcome"]) == (0, "published"), done.text
    warnings = "\n".join(done.outcome["warnings"])
    assert f"hubspot/leads: skipped: the token lacks the scope {LEADS_SCOPE}" in warnings
    assert "hubspot/deals: property closed_lost_reason was removed at the source" in warnings
    assert "hubspot/contacts: property hs_lead_status was removed at the source" in warnings
    assert "rejected_share.hubspot.deals on meta.rejected_records" in warnings
    assert bench.state() != before
    rejected = bench.ask("select record_id, reason from meta.rejected_records where stream = 'deals' order by all")
    assert {row[0] for row in rejected if row[0]} == {str(entry["id"]) for entry in bad}
    assert {reason for id, reason in rejected if id is None} == {"the record has no id"}
    assert "amount" in " ".join(reason for id, reason in rejected if id)
    goals = bench.ask("select record_id, reason from meta.rejected_records where stream = 'goal_targets' order by 1")
    assert goals == [
        ("10000000000000", "there is no owner hubspot:404"),
        ("10000000000001", f"{year}-01, {year}-02: the same period is in goal {whole['id']}"),
    ]
    assert "goal_targets.hubspot on meta.rejected_records" in warnings
    quotas = f"""select month, quota::varchar, quota_origin from marts.fct_targets
                 where target_key = 'hubspot:{owner}' and month < date '{year}-03-01' order by 1"""
    amount = whole["properties"]["hs_target_amount"]
    assert bench.ask(quotas) == [(date(year, month, 1), amount, "hubspot") for month in (1, 2)]
    shown = f"""select sum(quota)::varchar from marts.mart_rep_performance_monthly
                where owner_key = 'hubspot:{owner}' and month = date '{year}-01-01'"""
    assert bench.ask(shown) == [(amount,)]
    kept = f"select is_deleted, amount is not null from marts.dim_deals where source_deal_id = '{nameless}'"
    assert bench.ask(kept) == [(False, True)], "a deal whose record came without its id is no purged deal"
    streams = [stream["stream"] for stream in done.outcome["streams"]]
    assert len(streams) == len(set(streams)), "the counts differed, and all was read again"
    still = bench.ask("select source_deal_id from marts.dim_deals where lost_reason is not null")
    assert {row[0] for row in still} <= {str(entry["id"]) for entry in bad} | {str(nameless)}
    changes = bench.ask("select key, kind from meta.schema_changes where object = 'property' order by all")
    assert changes == [
        ("hubspot:contacts:hs_lead_status", "removed"),
        ("hubspot:contacts:lead_status_2", "added"),
        ("hubspot:deals:closed_lost_reason", "removed"),
        ("hubspot:deals:score", "added"),
    ]


def test_more_than_one_in_a_hundred_bad_records_is_3(bench: Bench) -> None:
    """A dozen deals set aside in the tables as they stand; with a run that reads them: tests/soak."""
    before = bench.state()
    with duckdb.connect(str(bench.product.warehouse)) as connection:
        connection.execute(
            """insert into meta.rejected_records by name
               select 'hubspot' as source, 'deals' as stream, source_deal_id as record_id, false as is_superseded,
                      'closedate is no date: 31.02.2026' as reason, source_deal_id as record
               from marts.dim_deals where source_deal_id is not null order by deal_key limit 12"""
        )
    refused_for_rejects(bench, bench.command("publish"))
    assert bench.state() == before


def refused_for_rejects(bench: Bench, done: Done) -> None:
    """The answer where twelve deals of four hundred have a closing date that is none."""
    assert done.code == 3
    assert "rejected_share.hubspot.deals on meta.rejected_records" in done.message
    assert "more than 1% refuses" in done.message
    assert "12 failing rows" in done.message
    assert "closedate" in done.message
    assert "The last publication stands. See docs/runbooks/" in done.message


def test_endless_paging_is_1_with_the_address(bench: Bench) -> None:
    before, sandbox = bench.state(), bench.sandbox
    sandbox.faults.add("same_cursor", match="objects/2026-09/deals?")
    done = bench.run("--full")
    assert done.code == 1
    assert "same cursor" in done.message
    assert f"[{sandbox.url}/crm/objects/2026-09/deals]" in done.message
    assert "The last publication stands." in done.message
    assert bench.state() == before
    windows = [window for window in Landing(bench.product.home / "landing").windows() if window.stream == "deals"]
    assert len(windows) == 1, "half a stream was landed"


def test_an_as_of_out_of_range_is_2_and_names_the_range(bench: Bench) -> None:
    before = bench.state()
    with duckdb.connect(str(bench.product.warehouse), read_only=True) as connection:
        [(first,)] = connection.execute("select min(effective_at) from intermediate.int_deal_events").fetchall()
    early = bench.run(as_of="2001-01-01")
    assert early.code == 2
    assert "--as-of 2001-01-02T00:00:00Z is before the first event" in early.message
    assert f"Valid: after {first:%Y-%m-%dT%H:%M:%S}Z (the first event) and at latest 2" in early.message
    late = bench.run(as_of="2199-01-01T00:00:00Z")
    assert late.code == 2
    assert "lies after the wall clock" in late.message
    assert "at latest 2" in late.message
    assert bench.sandbox.requests.total() == 0
    assert bench.state() == before


def test_a_second_run_is_refused_and_told_who_holds_the_lock(bench: Bench) -> None:
    before, path = bench.state(), bench.product.home / "run.lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        done = bench.run()
    finally:
        holder.kill()
        holder.wait()
    assert done.code == 1
    assert done.message.startswith(f"Another run is going: pid {holder.pid} on ")
    assert "`funnel run --full`" in done.message
    assert bench.sandbox.requests.total() == 0
    assert bench.state() == before


def test_a_home_that_cannot_be_written_is_2(bench: Bench) -> None:
    folder = Path(tempfile.mkdtemp())  # pytest's own folders are closed to the user that root becomes here
    home = folder / "home"
    try:
        home.mkdir()
        home.chmod(0o555)
        folder.chmod(0o755)
        root = os.geteuid() == 0
        if root:  # to whom no folder is read-only
            os.seteuid(65534)
        try:
            done = bench.run(FUNNEL_HOME=str(home))
        finally:
            if root:
                os.seteuid(0)
        assert done.code == 2
        assert f"FUNNEL_HOME cannot be written: [Errno {errno.EACCES}] Permission denied: '{home}" in done.message
        assert "Name a writable folder" in done.message
        assert list(home.iterdir()) == []
        assert bench.sandbox.requests.total() == 0
    finally:
        shutil.rmtree(folder)


def test_a_full_disk_is_1_whoever_meets_it(bench: Bench) -> None:
    """Full while landing, then while the warehouse is written. That the next run goes on: test_kill.py, tests/soak."""
    full_twice(bench)


def full_twice(bench: Bench) -> None:
    """Two runs that meet a full disk, and leave all as it was."""
    before, product, sandbox = bench.state(), bench.product, bench.sandbox
    landed = Landing(product.home / "landing").window_ids()
    sandbox.world.advance(20)
    with bench.patch.context() as patch:
        patch.setattr(landing._PartFile, "_emit", _no_space)
        done = bench.run()
    assert done.code == 1
    assert "could not be landed: No space left on device" in done.message
    assert "Free disk space" in done.message
    assert bench.state() == before
    assert Landing(product.home / "landing").window_ids() - landed <= _empty(product)
    assert [p for p in (product.home / "landing").glob("*/*/*") if not (p / "window.json").exists()] == []

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        done = bench.run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert done.code == 1
    assert "The last publication stands" in done.message
    assert bench.state() == before


def _no_space(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def _empty(product: Product) -> set[str]:
    """Windows without rows: they need no part, so that a disk without room for one has room for them."""
    return {window.window_id for window in Landing(product.home / "landing").windows() if not window.rows}

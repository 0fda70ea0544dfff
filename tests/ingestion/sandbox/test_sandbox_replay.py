"""A company's own export, replayed; and the command line."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from ingestion.sandbox.model import iso
from ingestion.sandbox.replay import replay
from ingestion.sandbox.truth import rows

DATA = Path(__file__).parents[4] / "shared" / "data"
SMALL = """deal_id,entered_at,stage,kind,amount,expected_close_date,segment
b,2020-02-01T08:00:00,Quote,open,10.5,2020-03-01T00:00:00,North
b,2020-02-03T09:30:00,Sold,won,12,,North
a,2020-01-10T10:00:00,Quote,open,,,South
a,2020-01-10T10:00:00,Check,open,,,South
a,2020-01-20T10:00:00,Dropped,lost,0,,South
a,2020-02-20T10:00:00,Quote,open,7,,South
"""


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "transitions.csv"
    path.write_text(SMALL, encoding="utf-8")
    return path


def test_replay(small):
    world = replay(small)
    deals = {row["deal_key"].split(":")[1]: row for row in rows(world, "deals")}
    assert len(deals) == 2
    first, second = sorted(deals)
    assert world.objects["deals"][int(first)].own[0] == "South a", "ids by time of creation"
    visits = [row for row in rows(world, "transitions") if row["deal_key"] == f"hubspot:{first}"]
    assert [visit["transition_type"] for visit in visits] == ["entry", "forward", "lost", "reopened"]
    assert visits[0]["entered_at"] == visits[1]["entered_at"] == "2020-01-10T10:00:00.000Z"
    assert [visit["amount_at_entry"] for visit in visits] == [None, None, "0.00", "7.00"]
    assert (deals[second]["outcome"], deals[second]["amount"]) == ("won", "12.00")
    assert deals[second]["close_date_at"] == "2020-02-03T09:30:00.000Z"
    stages = {stage.label(0): stage.outcome for stage in world.catalog.pipelines["deals"][0].stages}
    assert stages == {"Quote": "open", "Check": "open", "Sold": "won", "Dropped": "lost"}
    assert iso(world.now) == "2020-02-20T10:00:01.000Z"


def test_shift_clock_and_segments(small):
    world = replay(small, end="2026-08-31T12:00:00Z", now="2026-08-20T00:00:00Z", by="pipeline")
    assert {pipeline.label for pipeline in world.catalog.pipelines["deals"]} == {"North", "South"}
    assert {row["outcome"] for row in rows(world, "deals")} == {"won", "lost"}
    world.set_now("2026-09-01T00:00:00Z")
    last = max(row["entered_at"] for row in rows(world, "transitions"))
    assert last == "2026-08-31T12:00:00.000Z"
    assert {row["outcome"] for row in rows(world, "deals")} == {"won", "open"}


def test_wrong_files(tmp_path):
    (tmp_path / "x.csv").write_text("deal_id,stage\n1,a\n")
    with pytest.raises(ValueError, match="no column entered_at"):
        replay(tmp_path / "x.csv")
    (tmp_path / "y.csv").write_text(SMALL.splitlines()[0] + "\n")
    with pytest.raises(ValueError, match="no transitions"):
        replay(tmp_path / "y.csv")


@pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not here")
@pytest.mark.parametrize("name", ["traffic_fines", "maven_crm", "hotel_resort", "bpi2020_domestic"])
def test_real_pipelines(name):
    """Each row of the file is a visit of the truth once equal neighbours are collapsed."""
    path = DATA / name / "transitions.csv.gz"
    world = replay(path, end="2026-08-31T12:00:00Z", limit=1_500)
    with gzip.open(path, "rt", encoding="utf-8") as file:
        lines = [line.split(",") for line in file.read().splitlines()[1:]]
    order = list(dict.fromkeys(line[0] for line in lines))[:1_500]
    stays: dict[str, list] = {deal: [] for deal in order}
    for deal, _, stage, kind, *_ in sorted((line for line in lines if line[0] in stays), key=lambda line: line[1]):
        if stays[deal][-1:] != [(stage, kind)]:
            stays[deal].append((stage, kind))
    found: dict[str, list] = {}
    for row in rows(world, "transitions"):
        record = world.objects["deals"][int(row["deal_key"].split(":")[1])]
        stage = world.catalog.deal_stages[row["to_stage_key"].split(":")[2]][1]
        found.setdefault(record.own[0].rsplit(" ", 1)[1], []).append((stage.label(0), stage.outcome))
    assert found == stays


def test_command_line(tmp_path):
    port_file = tmp_path / "port"
    command = [sys.executable, "-m", "ingestion.sandbox.serve", "--deals", "60", "--port-file", str(port_file)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3], text=True)
    try:
        deadline = time.monotonic() + 15
        while not port_file.exists() and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.05)
        url = f"http://127.0.0.1:{port_file.read_text()}"
        with urllib.request.urlopen(f"{url}/_sandbox", timeout=10) as answer:
            assert json.load(answer)["live"]["deals"] > 50
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=10)
    finally:
        process.kill()
    assert process.returncode == 0
    assert f"HubSpot stand-in at {url} with " in output

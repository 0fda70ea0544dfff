"""The demo ends well, is short, keeps its secrets, and the README quotes it as it is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ingestion.settings import PROJECT_ROOT
from tests.e2e.product import LONGEST

VARIES = (
    (r"http://127\.0\.0\.1:\d+", "http://127.0.0.1:PORT"),
    (r"\d{8}T\d{6}Z-[0-9a-f]{8}", "RELEASE"),
    (r"\d+ s\b", "N s"),
    (r"\S*/published/current|published/current", "PUBLISHED"),
)
"""What differs from run to run: the port, names of publications, seconds, where the home lies."""
TIMES = re.compile(r"^(\s*seconds: )(\w+ [\d.]+(, )?)+$")


def normal(line: str) -> str:
    """A line without what differs from run to run."""
    line = TIMES.sub(lambda found: re.sub(r"[\d.]+", "N", found.group(0)), line.rstrip())
    for pattern, word in VARIES:
        line = re.sub(pattern, word, line)
    return line.strip()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, str]:
    """(its FUNNEL_HOME, exit code, output)"""
    folder = tmp_path_factory.mktemp("demo")
    env = {k: v for k, v in os.environ.items() if not k.startswith(("HUBSPOT", "FUNNEL", "DAGSTER"))}
    env |= {"FUNNEL_HOME": str(folder), "PYTHONIOENCODING": "utf-8", "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-m", "orchestration.cli", "demo"],
        env=env, cwd=folder, capture_output=True, text=True, timeout=2 * LONGEST, check=False,
    )  # fmt: skip
    return folder, done.returncode, done.stdout + done.stderr


def test_it_ends_well_within_fifty_lines(demo: tuple[Path, int, str]) -> None:
    _, code, text = demo
    assert code == 0, text
    assert len(text.splitlines()) <= 50
    agree = re.findall(r"^  (\w+): ([\d,]+) of ([\d,]+) rows agree$", text, re.M)
    assert [(table, good) for table, good, _ in agree] == [(table, all_) for table, _, all_ in agree]
    assert {table for table, *_ in agree} == {"dim_deals", "fct_stage_transitions", "fct_pipeline_month_end"}
    assert all(int(good.replace(",", "")) > 2_000 for _, good, _ in agree)
    assert "exit 3: refused by mart_sales_kpis_monthly." in text
    assert "the last publication stands: 2" in text


def test_every_vendor_at_once_from_one_world(tmp_path: Path) -> None:
    """Deals split over the CRMs, spend of every advertising vendor: all as their stand-ins have it."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("HUBSPOT", "FUNNEL", "DAGSTER"))}
    done = subprocess.run(
        [sys.executable, "-m", "orchestration.cli", "demo", "--sources", "all", "--deals", "600"],
        env=env | {"FUNNEL_HOME": str(tmp_path)}, capture_output=True, text=True, timeout=4 * LONGEST, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    for line in ("hubspot dim_deals", "salesforce dim_deals", "salesforce fct_stage_transitions", "fct_campaign_days"):
        found = re.search(rf"^  {line}: ([\d,]+) of ([\d,]+) ", done.stdout, re.M)
        assert found, line
        assert found[1] == found[2], line
    assert "spread to the cent by 4 of 4 attribution models" in done.stdout


def test_it_tells_no_secret(demo: tuple[Path, int, str]) -> None:
    """Neither in what it prints nor in what it leaves in logs, in Dagster's history and beside the published tables."""
    folder, _, text = demo
    home = folder / "demo"
    secrets = [b"sandbox-token", (home / "pii.key").read_bytes().strip()]
    files = [path for name in ("logs", "dagster", "target", "docs", "published", "landing")
             for path in (home / name).rglob("*") if path.is_file()]  # fmt: skip
    assert len(files) > 50
    assert [path for path in files for secret in secrets if secret in path.read_bytes()] == []
    assert [secret for secret in secrets if secret.decode() in text] == []
    logs = b"".join(path.read_bytes() for path in (home / "logs").iterdir())
    assert re.findall(rb"[\w.+-]+@[\w-]+\.\w+", logs) == []


def test_the_readme_quotes_it(demo: tuple[Path, int, str]) -> None:
    readme = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
    quoted = re.search(r"<!-- demo:begin -->(.*?)<!-- demo:end -->", readme, re.S)
    if quoted is None:
        pytest.skip("README.md quotes no lines of the demo (no demo:begin marker)")
    lines = [line for line in quoted.group(1).splitlines() if line.strip() and not line.startswith("```")]
    assert len(lines) >= 12
    said = {normal(line) for line in demo[2].splitlines()}
    assert [line for line in lines if normal(line) not in said] == []

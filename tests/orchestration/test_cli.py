"""The command line: help that helps, quick start, clear refusals, no traceback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from orchestration import cli
from orchestration.errors import EXIT_CODES

COMMANDS = (
    "run",
    "publish",
    "status",
    "check",
    "movements",
    "rollback",
    "release",
    "diff",
    "rebuild",
    "forget",
    "serve",
    "demo",
)
HEAVY = ("dagster", "dagster_dbt", "dbt", "great_expectations", "pandas", "numpy")


def funnel(tmp_path: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The real console script, from another directory, without HOME."""
    script = Path(sys.executable).with_name("funnel")
    clean = {"PATH": "/usr/bin:/bin", "FUNNEL_HOME": str(tmp_path / "home"), **env}
    return subprocess.run(
        [str(script), *arguments], cwd=tmp_path, env=clean, capture_output=True, text=True, timeout=60
    )


def test_help_lists_every_command_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["--help"])
    text = capsys.readouterr().out
    assert left.value.code == 0
    for command in (*COMMANDS, "sandbox"):
        assert re.search(rf"^    {command} +\S", text, re.M), command
    for code, meaning in EXIT_CODES.items():
        assert f"{code}  {meaning}" in text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main([command, "--help"])
    text = capsys.readouterr().out
    assert left.value.code == 0
    assert f"funnel {command}" in text.split("examples:")[1]
    assert "--json" in text


def test_wrong_arguments_are_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["run", "--asof", "2026-01-01"])
    assert left.value.code == 2
    assert "--asof" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--help"], ["status"], ["check"]], ids=lambda a: a[0])
def test_quick_commands_import_nothing_heavy(tmp_path: Path, arguments: list[str]) -> None:
    script = (
        "import sys, contextlib\nfrom orchestration.cli import main\n"
        f"with contextlib.suppress(SystemExit): main({arguments!r})\n"
        f"print('HEAVY', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    env = {**os.environ, "FUNNEL_HOME": str(tmp_path), "HUBSPOT_ACCESS_TOKEN": ""}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "HEAVY []"


def test_status_before_anything_was_published(tmp_path: Path) -> None:
    done = funnel(tmp_path, "status")
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing yet" in done.stdout
    assert str(tmp_path / "home") in done.stdout


def test_no_connection_is_2_and_says_what_to_set(tmp_path: Path) -> None:
    done = funnel(tmp_path, "run")
    assert done.returncode == 2
    assert "HUBSPOT_ACCESS_TOKEN" in done.stderr
    assert "Traceback" not in done.stderr


def test_unknown_source_is_2_and_lists_the_known(tmp_path: Path) -> None:
    done = funnel(tmp_path, "run", "--source", "emea", HUBSPOT_ACCESS_TOKEN="pat-x")
    assert done.returncode == 2
    assert "Configured: hubspot" in done.stderr


def test_as_of_in_the_future_is_2_as_json_too(tmp_path: Path) -> None:
    done = funnel(tmp_path, "run", "--as-of", "2199-01-01", "--json", HUBSPOT_ACCESS_TOKEN="pat-x")
    found = json.loads(done.stdout)
    assert (done.returncode, found["code"]) == (2, 2)
    assert "Valid: a past instant" in found["message"]
    assert "pat-x" not in done.stdout + done.stderr


def test_credentials_from_dotenv_in_home(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".env").write_text(
        "HUBSPOT_ACCESS_TOKEN='pat-from-file'\nHUBSPOT_API_BASE=http://127.0.0.1:9\n"
    )
    done = funnel(tmp_path, "run", "--as-of", "2199-01-01")
    assert "after the wall clock" in done.stderr  # past the check that a connection is configured


def test_home_that_cannot_be_made_is_2(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = funnel(tmp_path, "run", FUNNEL_HOME=str(tmp_path / "file" / "home"), HUBSPOT_ACCESS_TOKEN="pat-x")
    assert done.returncode == 2
    assert "FUNNEL_HOME" in done.stderr
    assert "Traceback" not in done.stderr


def test_publish_before_a_run_is_2(tmp_path: Path) -> None:
    done = funnel(tmp_path, "publish")
    assert done.returncode == 2
    assert "nothing to publish" in done.stderr


def test_sandbox_has_its_own_help(tmp_path: Path) -> None:
    done = funnel(tmp_path, "sandbox", "--help")
    assert done.returncode == 0
    assert "--port-file" in done.stdout

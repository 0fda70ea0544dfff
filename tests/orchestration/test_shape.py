"""A FUNNEL_HOME of another release: an older one is taken over and said so, a newer one is left alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestration import cli, shape
from orchestration.errors import OtherRelease
from orchestration.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_a_new_home_gets_the_number_of_this_release(home: Home) -> None:
    assert shape.check(home) is None
    assert json.loads(home.version.read_text())["format"] == shape.FORMAT
    assert shape.check(home) is None


def test_a_home_from_before_there_was_a_number_is_taken_over_and_told_once(home: Home) -> None:
    home.warehouse.write_bytes(b"")
    assert "was of format 1" in (shape.check(home) or "")
    assert shape.check(home) is None


def test_an_upgrade_within_a_format_is_noted_quietly(home: Home) -> None:
    home.version.write_text(json.dumps({"format": shape.FORMAT, "release": "0.0.1"}))
    assert shape.check(home) is None
    assert json.loads(home.version.read_text())["release"] != "0.0.1"


@pytest.mark.parametrize("text", ['{"format": 99, "release": "9.1"}', '{"format": "x"}', "", "{"])
def test_a_newer_or_damaged_number_refuses_and_touches_nothing(home: Home, text: str) -> None:
    home.version.write_text(text)
    with pytest.raises(OtherRelease) as refused:
        shape.check(home)
    assert str(refused.value).endswith("See docs/runbooks/home-from-another-release.md.")
    assert ("9.1" in str(refused.value)) == ("9.1" in text)
    assert home.version.read_text() == text
    assert [path.name for path in home.root.iterdir()] == ["version.json"]


@pytest.mark.parametrize("command", ["run", "publish", "status", "check", "rebuild"])
def test_every_command_refuses_a_newer_home_with_2(
    home: Home, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home.version.write_text('{"format": 99, "release": "9.1"}')
    monkeypatch.setenv("FUNNEL_HOME", str(home.root))
    monkeypatch.setenv("HUBSPOT_ACCESS_TOKEN", "pat-x")
    monkeypatch.setenv("FUNNEL_PII_KEY", "k")
    assert cli.main([command]) == 2
    assert "made by funnel 9.1 (format 99)" in capsys.readouterr().err
    assert {path.name for path in home.root.iterdir()} <= {"version.json", "run.lock"}

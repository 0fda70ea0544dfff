"""The page lies in its release and is hashed with it; one that cannot be made is told and stops nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dashboards import build
from ingestion.settings import Settings
from orchestration import page
from orchestration.home import Home
from orchestration.publish import publish
from tests.orchestration.conftest import fill, session_of


def test_the_page_is_part_of_the_release(settings: Settings) -> None:
    session = session_of(settings)
    fill(session, 1)
    manifest = publish(session)
    text = (settings.published / "current" / "index.html").read_text(encoding="utf-8")
    assert manifest["files"]["index.html"]["bytes"] == len(text.encode())
    assert manifest["id"] in text
    assert not [w for w in manifest["warnings"] if "page" in w]


def test_a_page_that_cannot_be_made_stops_no_publication(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(folder: Path, manifest: object) -> None:
        (folder / "index.html").write_text("half")
        raise ValueError("no drawing today")

    monkeypatch.setattr(build, "write", fails)
    session = session_of(settings)
    fill(session, 1)
    manifest = publish(session)
    assert manifest["outcome"] == "published"
    assert "index.html" not in manifest["files"]
    assert not (settings.published / "current" / "index.html").exists()
    assert [w for w in manifest["warnings"] if "no drawing today" in w]


def test_open_pages_learn_how_a_run_ended_and_never_its_message(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.published.mkdir()
    refused = ["marts.x: 3 failing rows (hubspot:5001)", "win_rate_in_0_1 on marts.y: Got 2 results"]
    outcome = {"code": 3, "outcome": "failed", "finished": "f", "as_of": "a", "message": "secret", "refused": refused}
    page.tell(home, outcome)
    told = json.loads((tmp_path / "published" / "status.json").read_text())
    assert told == {
        "code": 3,
        "outcome": "failed",
        "finished": "f",
        "as_of": "a",
        "refused": ["marts.x", "win_rate_in_0_1"],
    }
    assert (tmp_path / "published" / "docs").readlink() == Path("../docs")

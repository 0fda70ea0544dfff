"""Every page that a message names exists, every page is named by some message, and each says the four things."""

from __future__ import annotations

import errno
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ingestion.errors import AuthError, CorruptResponse, LandingError, MissingScope, RateLimited, SourceError
from ingestion.settings import PROJECT_ROOT, Secret
from orchestration import chain, postgres, status, vintages, webhook
from orchestration.closing import close
from orchestration.dbt_build import Node, judge, refused_by
from orchestration.errors import (
    BuildFailed,
    ForgettingUnfinished,
    OtherRelease,
    PublicationDamaged,
    RunLocked,
    TargetFailed,
    explain,
    nothing_extracted,
)
from orchestration.hold import refuse_unfinished
from orchestration.home import Home
from orchestration.ledger import Check
from orchestration.lock import RunLock
from orchestration.rollback import check_whole
from orchestration.runbooks import PAGES, told
from orchestration.shape import refuse_newer
from tests.orchestration.conftest import session_of, settings_of

FOLDER = PROJECT_ROOT / "docs" / "runbooks"
HEADINGS = ["What you see", "Why", "What to do", "What is safe"]


def test_pages_are_those_that_messages_may_name() -> None:
    assert {path.stem for path in FOLDER.glob("*.md")} == set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_the_four_things(name: str) -> None:
    text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", text, re.M) == HEADINGS
    assert all(len(part.split()) > 10 for part in text.split("\n## ")[1:])


def refused(kind: str, table: str = "marts.t") -> str:
    return str(refused_by([Check("c", table, "fail", kind, 1)]))


def other_release(folder: Path) -> str:
    (folder / "version.json").write_text('{"format": 99}')
    with pytest.raises(OtherRelease) as raised:
        refuse_newer(Home(folder))
    return str(raised.value)


def locked(folder: Path) -> str:
    holder = subprocess.Popen(
        [sys.executable, "-c", "import fcntl, sys, time; f = open(sys.argv[1], 'a+'); fcntl.flock(f, fcntl.LOCK_EX);"
         "print('held', flush=True); time.sleep(30)", str(folder / "run.lock")],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RunLocked) as raised, RunLock(folder / "run.lock"):
            pass
        return str(raised.value)
    finally:
        holder.kill()
        holder.wait()


def status_text(folder: Path, changes: object = None, **changed: object) -> str:
    source = {"failed": [], "warnings": [], "stale": False, "budget_hours": 26.0, "last_window_end": None,
              "extracted_at": None, "age_hours_at_as_of": 30.0}  # fmt: skip
    publication = {"id": "R", "as_of": "2026-04-10T00:00:00+00:00", "known_at": None, "path": "p", "tables": {},
                   "finished": "2026-04-10T00:00:00+00:00"}  # fmt: skip
    shown = {
        "home": "h", "running": None, "hold": None, "publication": publication, "alerts": [], "last_run": None,
        "sources": {"hubspot": source | changed}, "checks": {"passed": 1, "warned": []}, "rejected_records": [],
        "stages": [{"stage_key": "hubspot:p:9", "is_unknown": True}] if not changed else [],
        "stage_changes": changes,
    }  # fmt: skip
    return "\n".join(line for line in status.text(shown).splitlines() if "docs/runbooks" in line)


def damaged(folder: Path) -> str:
    release = folder / "published" / "releases" / "R"
    release.mkdir(parents=True)
    (release / "funnel.duckdb").write_bytes(b"changed")
    files = {"funnel.duckdb": {"sha256": "0", "bytes": 1}}
    (release / "manifest.json").write_text(json.dumps({"id": "R", "as_of": "2026-04-10T00:00:00Z", "files": files}))
    with pytest.raises(PublicationDamaged) as raised:
        check_whole(Home(folder), "R")
    return str(raised.value)


def half_forgotten(folder: Path) -> str:
    (folder / "forgotten.json").write_text('{"unfinished": true}')
    with pytest.raises(ForgettingUnfinished) as raised:
        refuse_unfinished(Home(folder))
    return str(raised.value)


def not_closed(folder: Path) -> str:
    home = settings_of(folder, "hubspot")
    return str(close(home, "2026-06", by="Ada", dry_run=True, say=lambda text: None)["message"])


def vintage_gone(folder: Path) -> str:
    (folder / "vintages").mkdir()
    chain.append(folder / "vintages" / "manifest.jsonl", {"month": "2026-06", "file": "2026-06.parquet"})
    return str(vintages.summary(Home(folder))["damaged"])


def not_built(folder: Path) -> str:
    node = Node("model.funnel.m", "m", "model", "marts.m", "error", message="Out of Memory Error: 4 GB")
    with pytest.raises(BuildFailed, match=r"dbt could not build marts\.m: Out of Memory") as raised:
        judge(session_of(settings_of(folder, "hubspot")), [node])
    return str(raised.value)


def not_sent(folder: Path) -> str:
    (folder / "manifest.json").write_text('{"id": "p1"}')
    pytest.importorskip("psycopg")
    with pytest.raises(TargetFailed) as raised:
        postgres.send(folder, Secret("postgresql://nobody@127.0.0.1:1/nowhere"))
    return str(raised.value)


MESSAGES = {
    "token-refused": lambda folder: told(AuthError("hubspot", "deals", "refused")),
    "scope-missing": lambda folder: told(MissingScope("hubspot", "deals", "lacks", scope="x")),
    "daily-limit": lambda folder: told(RateLimited("hubspot", "deals", "used up")),
    "corrupt-answers": lambda folder: told(CorruptResponse("hubspot", "deals", "no JSON")),
    "stale-source": lambda folder: status_text(folder, stale=True),
    "audit-refused": lambda folder: refused("gate"),
    "forecast-refused": lambda folder: refused("gate", "marts.forecast_monthly"),
    "reconciliation-differs": lambda folder: refused("reconciliation"),
    "rejected-records": lambda folder: refused("rejects"),
    "unknown-stage": lambda folder: status_text(folder),
    "stage-changed": lambda folder: status_text(folder, {"waiting": [], "paste": ""}, stale=False),
    "lock-held": locked,
    "warehouse-lock": lambda folder: str(explain(OSError("IO Error: Could not set lock on file: PID 7"))),
    "disk-full": lambda folder: str(explain(OSError(errno.ENOSPC, "No space left on device"))),
    "landing-damaged": lambda folder: str(explain(LandingError("part is damaged"))),
    "home-from-another-release": other_release,
    "publication-damaged": damaged,
    "month-not-closed": not_closed,
    "vintage-damaged": vintage_gone,
    "forgetting-unfinished": half_forgotten,
    "build-failed": not_built,
    "postgres-behind": not_sent,
}


@pytest.mark.parametrize("name", [name for name in PAGES if name != "webhook-down"])
def test_the_message_ends_with_its_page(name: str, tmp_path: Path) -> None:
    assert MESSAGES[name](tmp_path).endswith(f"See docs/runbooks/{name}.md.")


def test_the_log_of_a_webhook_that_is_down_ends_with_its_page(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(webhook, "WAITS", (0.0,))
    monkeypatch.setattr(webhook.logger, "propagate", True)
    assert not webhook.post(Secret("http://127.0.0.1:9/hook"), {})
    assert caplog.messages[-1].endswith("See docs/runbooks/webhook-down.md.")


def test_what_every_source_failed_with_is_the_page_of_nothing_extracted() -> None:
    shown = nothing_extracted({"hubspot": [AuthError("hubspot", "deals", "refused")]})
    assert str(shown).endswith("See docs/runbooks/token-refused.md.")
    assert told(SourceError("hubspot", "deals", "HTTP 418")).endswith("See docs/runbooks/stale-source.md.")

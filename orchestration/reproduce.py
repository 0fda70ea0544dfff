"""`funnel run --known-at …`: the tables as a run of then would have made them, from landing, in a folder beside.

Nothing is extracted and neither the warehouse nor `current` is touched: like any replay of the past the result is a
release that was never current, or a folder of the caller's.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingestion.landing import sync_folder
from ingestion.settings import Settings
from orchestration import dbt_build, runner, vintages
from orchestration.clock import parse_as_of
from orchestration.errors import PUBLISHED, AuditRefused, WrongUse, explain
from orchestration.hold import refuse_unfinished, switching
from orchestration.home import Home
from orchestration.ledger import checks_of, record_publications
from orchestration.lock import RunLock
from orchestration.publish import prune, table_contents, write_release
from orchestration.rebuild import remade
from orchestration.session import Say, Session


def reproduce(settings: Settings, as_of: str | None, known_at: str, out: Path | None, *, say: Say) -> dict[str, Any]:
    """Build as of `as_of` from what had landed by `known_at` (both as the user wrote them; no as-of: known_at).

    `out`: a folder that is absent or empty; default: a release beside the others. Returns the answer of the command.
    Errors: WrongUse, RunLocked, LandingError, BuildFailed, AuditRefused: then nothing is left behind.
    """
    zone, now, home = settings.config.reporting_timezone, datetime.now(UTC), Home(settings.home)
    known = parse_as_of(known_at, zone, now, "--known-at")
    instant = parse_as_of(as_of, zone, now) if as_of else known
    if instant > known:
        raise WrongUse(
            f"--as-of {as_of} lies after --known-at {known_at}: what happened in between was not known.",
            "Give an --as-of that is not later.",
        )
    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise WrongUse(f"--out {out} is not an empty folder.", "Nothing there is overwritten: name another one.")
    try:
        with RunLock(home.lock):
            home.prepare()
            runner.log_to(home)
            refuse_unfinished(home)
            vintages.refuse_damaged(home)
            with remade(settings, instant, say, known_at=known) as made:
                if made.refused:
                    raise AuditRefused(dbt_build.refusal(made.refused), "Nothing was written.")
                manifest, path = _release(made, home, out)
            if out is None:
                record_publications(home.warehouse, [manifest])
    except OSError as error:
        raise explain(error) from error
    return {
        "code": PUBLISHED, "outcome": "reproduced", "publication": manifest["id"] if out is None else None,
        "path": str(path), "as_of": instant.isoformat(), "known_at": known.isoformat(),
        "message": f"Written to {path}, as of {instant.isoformat()} and known at {known.isoformat()}; "
        "`current` stays as it is.",
    }  # fmt: skip


def _release(made: Session, home: Home, out: Path | None) -> tuple[dict[str, Any], Path]:
    """Write a release of the tables beside and move it, whole, to where it stays."""
    manifest = write_release(made, checks_of(made.path, made.run_id), table_contents(made), published=False)
    written = made.home.published / "releases" / manifest["id"]
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        out.rmdir()
        shutil.move(written, out)
        return manifest, out
    path = home.published / "releases" / manifest["id"]
    with switching(home):
        written.rename(path)
        sync_folder(path.parent)
        prune(home, made.settings.keep)
    return manifest, path

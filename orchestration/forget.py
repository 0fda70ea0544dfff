"""`funnel forget`: a person out of landing, the warehouse, every kept publication, logs and run history.

The list of keyed hashes comes first and says `unfinished` until the end: killed in between, nothing is published and
the same command (or `funnel forget` alone) goes on. What is done anew each time goes by the list, not by a name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from ingestion import rewriting
from ingestion.forgotten import FILE, Forgotten, read_forgotten
from ingestion.landing import Landing
from ingestion.redaction import person_hash
from ingestion.settings import Settings
from orchestration import runner
from orchestration.errors import ForgettingUnfinished, WrongUse, explain
from orchestration.forget_releases import Names, edit_books, in_releases
from orchestration.forget_traces import in_traces
from orchestration.home import Home, write_atomically
from orchestration.lock import RunLock
from orchestration.rebuild import missing_windows, put_in_place, remade
from orchestration.session import Say

HASH = re.compile(r"[0-9a-f]{32}")


def forget(settings: Settings, who: str | None, *, dry_run: bool = False, say: Say) -> dict[str, Any]:
    """Forget `who` (an e-mail, <source>:<contact id> or a person_hash); None: finish or repeat all earlier acts.

    Returns what was (with `dry_run`: would be) removed, without naming anybody. Errors: WrongUse where nobody of that
    name is known, RunLocked; LandingError, BuildFailed: the list then says `unfinished`; the command can be repeated.
    """
    home = Home(settings.home)
    try:
        with RunLock(home.lock, "funnel forget"):  # the command line would name the person in run.lock
            home.prepare()
            runner.log_to(home)
            forgotten = read_forgotten(settings)
            names = _names(settings, who)
            listed = _enlist(settings, forgotten, names, who)
            found = _plan(settings, forgotten, names)
            if who is not None and not listed and not any(found[place] for place in ("landing", "publications")):
                raise WrongUse(
                    "Nothing of that person is held here.",
                    "Give the e-mail as the CRM has it, or <connection>:<contact id>, such as hubspot:5001.",
                )
            if not dry_run:
                write_list(home, forgotten, unfinished=True)
                _carry_out(settings, forgotten, names, found, say)
                write_list(home, forgotten, unfinished=False)
            return found | {"outcome": "planned" if dry_run else "forgotten", "message": _message(found, dry_run)}
    except OSError as error:
        raise explain(error) from error


def write_list(home: Home, forgotten: Forgotten, *, unfinished: bool) -> None:
    """FUNNEL_HOME/forgotten.json, whole."""
    text = json.dumps({"unfinished": unfinished, "people": forgotten.people}, indent=1)
    write_atomically(home.root / FILE, text)


def _names(settings: Settings, who: str | None) -> Names:
    """Whoever is meant, under every id and hash that landing knows of them."""
    names = Names(set(), set())
    if who is None:
        return names
    if "@" in who:
        names.hashes.add(person_hash(who, settings.pii_key))
    elif HASH.fullmatch(who.strip().lower()):
        names.hashes.add(who.strip().lower())
    elif re.fullmatch(r"[\w-]+:[^\s:]+", who):
        names.keys.add(who)
    else:
        raise WrongUse(f"'{who}' is neither an e-mail nor <connection>:<contact id>.", "For example hubspot:5001.")
    rewriting.identities(Landing(settings.landing), names.keys, names.hashes)
    return names


def _enlist(settings: Settings, forgotten: Forgotten, names: Names, who: str | None) -> bool:
    """Put them on the list (in memory); whether they were on it before. Errors: ForgettingUnfinished, WrongUse."""
    if who is None and not forgotten:
        raise WrongUse("Nobody has been forgotten yet.", "Name an e-mail or <connection>:<contact id>.")
    if settings.warehouse.exists() and (lost := missing_windows(settings)):
        raise ForgettingUnfinished(
            f"Landing lacks {len(lost)} windows that the warehouse holds ({min(lost)} …).",
            "The warehouse is made again from landing here: restore them from your backup first.",
        )
    known = any(map(forgotten.has_key, names.keys)) or any(map(forgotten.has_hash, names.hashes))
    forgotten.add(names.keys, names.hashes)
    return known


def _plan(settings: Settings, forgotten: Forgotten, names: Names) -> dict[str, Any]:
    """What holds them: landing {source/stream: records}, publications {id: {table: rows}}, other files."""
    home = Home(settings.home)
    landing: dict[str, int] = {}
    for done in rewriting.forget(Landing(settings.landing), forgotten, dry_run=True):
        stream = f"{done.window.source}/{done.window.stream}"
        landing[stream] = landing.get(stream, 0) + done.removed + done.changed
    publications = in_releases(home, forgotten, names, dry_run=True)
    files = in_traces(home, names, dry_run=True)
    return {"ids": len(names.keys), "landing": landing, "publications": publications, "files": files}


def _carry_out(
    settings: Settings, forgotten: Forgotten, names: Names, found: dict[str, Any], say: Callable[[str], None]
) -> None:
    home, landing = Home(settings.home), Landing(settings.landing)
    say(f"{len(found['publications'])} publications and {len(found['files'])} other files")
    rewritten = in_releases(home, forgotten, names)
    in_traces(home, names)
    windows = rewriting.forget(landing, forgotten)
    say(f"{len(windows)} windows of landing written again")
    if settings.warehouse.exists():
        as_of = runner.built_as_of(settings)
        with remade(settings, as_of, say, edit_books(names, rewritten)) as made:
            put_in_place(home, made.path)


def _message(found: dict[str, Any], dry_run: bool) -> str:
    records, files = sum(found["landing"].values()), len(found["files"])
    verb = "would be" if dry_run else "were"
    return (
        f"{records} records in landing, rows in {len(found['publications'])} publications and {files} other files "
        f"{verb} cleared of the person"
        + (" (and the warehouse made again); nothing has been changed." if dry_run else ", the warehouse made again.")
        + " Extraction keeps them out from now on. Also delete them in the CRM and in your backups."
    )

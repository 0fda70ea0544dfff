"""The command `funnel close` of the console script, and `funnel run --known-at`, which makes a vintage again."""

from __future__ import annotations

import argparse
import getpass
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any


def register(commands: Any, add: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the console script's parser."""
    closed = add(commands, "close", _close, "close a month: its checklist, then freeze its forecast and revenue",
                 "funnel close 2026-06 --dry-run\n  funnel close 2026-06 --by 'Ada Byron'\n  funnel close 2026-06 "
                 "--waive rates --reason 'GBP has no rate, 3 deals' --by Ada --expires 2026-07-31\n  funnel close --due"
                 )  # fmt: skip
    closed.add_argument("month", metavar="MONTH", nargs="?", help="as 2026-06")
    closed.add_argument("--due", action="store_true", help="instead of a month: every one whose closing day has come "
                        "since the last closed one; a refusal is an alert, none due is exit 0")  # fmt: skip
    closed.add_argument("--by", metavar="NAME", help="who signs; default: the user of this machine")
    closed.add_argument("--dry-run", action="store_true", help="print the checklist, change nothing")
    closed.add_argument("--correct", action="store_true", help="freeze a further revision of a closed month")
    closed.add_argument("--waive", metavar="CHECK", help="let a check that refuses pass; recorded for good")
    closed.add_argument("--reason", metavar="TEXT", help="why it may be waived")
    closed.add_argument("--expires", metavar="DATE", type=date.fromisoformat, help="last day on which the waiver holds")


def _close(options: argparse.Namespace) -> int:
    from orchestration import closing, shape
    from orchestration.errors import WrongUse
    from orchestration.progress import reporter

    if options.due == bool(options.month):
        raise WrongUse("Name one month, or --due for those that are due.", "For instance `funnel close 2026-06`.")
    if options.due:
        return _close_due(options)
    waive = None
    if options.waive or options.reason or options.expires:
        if not (options.waive and options.reason and options.by and options.expires):
            raise WrongUse("A waiver is incomplete.", "Give --waive CHECK --reason TEXT --by NAME --expires DATE.")
        waive = closing.Waiver(options.waive, options.reason, options.expires)
    by = options.by or getpass.getuser()
    with reporter(options.json) as tell:
        found = closing.close(shape.load(), options.month, by=by, waive=waive, correct=options.correct,
                              dry_run=options.dry_run, say=tell.say)  # fmt: skip
    print(json.dumps(found, ensure_ascii=False, default=str) if options.json else closing.text(found))
    return int(found["code"])


def _close_due(options: argparse.Namespace) -> int:
    from orchestration import closing, month_end, shape
    from orchestration.errors import WrongUse
    from orchestration.progress import reporter

    if options.waive or options.reason or options.expires or options.correct:
        raise WrongUse("--due goes with --by and --dry-run only.", "Name the month to waive or correct something.")
    with reporter(options.json) as tell:
        found = month_end.close_due(shape.load(), by=options.by or "", dry_run=options.dry_run, say=tell.say)
    texts = [closing.text(one) for one in found["months"]] or [found["message"]]
    print(json.dumps(found, ensure_ascii=False, default=str) if options.json else "\n\n".join(texts))
    return int(found["code"])


def known_at(run: argparse.ArgumentParser) -> None:
    """Add to `funnel run` what makes it show the past as it was known."""
    run.add_argument("--known-at", metavar="INSTANT",
                     help="build from what had landed by then, as a run of then would have: nothing is extracted and "
                     "`current` stays; without --as-of as of the same instant")  # fmt: skip
    run.add_argument("--out", type=Path, metavar="DIR",
                     help="with --known-at: write the tables there (a folder that is new or empty) instead of a "
                     "release")  # fmt: skip


def reproduce(options: argparse.Namespace) -> int:
    """`funnel run --known-at`. Errors: WrongUse where it is asked to extract or publish as well."""
    from orchestration import reproduce, shape
    from orchestration.errors import WrongUse
    from orchestration.progress import reporter

    if options.source or options.full or options.publish or options.accept:
        raise WrongUse(
            "--known-at goes with --as-of and --out only.", "It shows the past: it neither extracts nor publishes."
        )
    with reporter(options.json) as tell:
        done = reproduce.reproduce(shape.load(), options.as_of, options.known_at, options.out, say=tell.say)
    print(json.dumps(done, ensure_ascii=False) if options.json else done["message"])
    return int(done["code"])

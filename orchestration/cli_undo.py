"""Commands of the console script that undo and compare: rollback, release, diff, rebuild, forget."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

from orchestration.errors import PUBLISHED

Add = Callable[..., argparse.ArgumentParser]


def register(commands: Any, add: Add) -> None:
    """Add the commands to the parser; `add` is cli._add."""
    rollback = add(commands, "rollback", _rollback, "switch back to an earlier publication and hold publishing",
                   "funnel rollback\n  funnel rollback 20260401T050312Z-1a2b3c4d --why 'amounts doubled'")  # fmt: skip
    rollback.add_argument("publication", nargs="?", metavar="ID", help="default: the one published before the current")
    rollback.add_argument("--why", default="", metavar="TEXT", help="shown by `funnel status` while publishing is held")
    add(commands, "send", _send, "bring the current publication to Postgres (FUNNEL_POSTGRES_URL)", "funnel send")
    add(commands, "release", _release, "let runs publish again after a rollback", "funnel release && funnel run")

    diff = add(commands, "diff", _diff, "which rows and figures differ between two publications, or before publishing",
               "funnel diff previous current\n  funnel diff current warehouse --build     (what would a changed "
               "funnel.yml do?)\n  funnel diff previous current --table mart_sales_kpis_monthly --json")  # fmt: skip
    for name in ("a", "b"):
        diff.add_argument(name, metavar=name.upper(), help="a publication's id, current, previous, or warehouse (the "
                          "tables as built now)")  # fmt: skip
    diff.add_argument("--table", action="append", default=[], metavar="NAME", help="this table only (repeatable)")
    diff.add_argument("--limit", type=_count, default=20, metavar="N", help="rows and figures shown a table "
                      "(default: %(default)s); totals are always whole")  # fmt: skip
    diff.add_argument("--build", action="store_true", help="first build the tables anew under the present "
                      "configuration, as of the current publication, without publishing")  # fmt: skip

    rebuild = add(commands, "rebuild", _rebuild, "make the warehouse again from landing and compare it with what is "
                  "published", "funnel rebuild\n  funnel rebuild --publish")  # fmt: skip
    rebuild.add_argument("--publish", action="store_true", help="audit and publish it afterwards")
    rebuild.add_argument("--limit", type=_count, default=20, metavar="N", help="differences shown a table "
                         "(default: %(default)s)")  # fmt: skip

    forget = add(commands, "forget", _forget, "remove a person from landing, warehouse, kept publications and logs",
                 "funnel forget jane@example.com --dry-run\n  funnel forget hubspot:5001\n"
                 "  funnel forget      (finish an interrupted one; repeat all after restoring a backup)")  # fmt: skip
    forget.add_argument("person", nargs="?", metavar="PERSON", help="an e-mail, or <connection>:<contact id>")
    forget.add_argument("--dry-run", action="store_true", help="count what would be removed, change nothing")


def _rollback(options: argparse.Namespace) -> int:
    from orchestration import postgres, shape
    from orchestration.rollback import rollback

    done = _answer(rollback(_home(), options.publication, options.why), options.json)
    postgres.send_current(shape.load())
    return done


def _send(options: argparse.Namespace) -> int:
    """Exit 2 where there is no such place, 1 where it failed (then the error says what stands there)."""
    from orchestration import postgres, shape
    from orchestration.errors import WrongUse

    settings = shape.load()
    sent = postgres.send_current(settings)
    if sent == "off":
        missing = "FUNNEL_POSTGRES_URL is not set" if settings.postgres_url is None else "nothing is published yet"
        raise WrongUse(f"There is nothing to send: {missing}.")
    message = {"sent": "Postgres has the current publication.", "unchanged": "Postgres had it already."}[sent]
    return _answer({"outcome": sent, "message": message}, options.json)


def _release(options: argparse.Namespace) -> int:
    from orchestration.rollback import release

    return _answer(release(_home()), options.json)


def _diff(options: argparse.Namespace) -> int:
    from orchestration.diff import diff
    from orchestration.diff_text import text

    settings, wrong = _settings(), []
    if options.build:
        from orchestration.progress import reporter
        from orchestration.rebuild import build_here

        with reporter(options.json) as tell:
            wrong = build_here(settings, tell.say)
    found = diff(settings, options.a, options.b, options.table, options.limit)
    if wrong:
        found |= {"refused": wrong, "message": f"{found['message']} The audit would refuse: {' '.join(wrong[:5])}"}
    return _answer(found, options.json, text(found))


def _rebuild(options: argparse.Namespace) -> int:
    from orchestration.diff_text import text
    from orchestration.progress import reporter
    from orchestration.rebuild import rebuild

    with reporter(options.json) as tell:
        found = rebuild(_settings(), publish=options.publish, limit=options.limit, say=tell.say)
    return _answer(found, options.json, text(found))


def _forget(options: argparse.Namespace) -> int:
    from orchestration.forget import forget
    from orchestration.progress import reporter

    with reporter(options.json) as tell:
        found = forget(_settings(), options.person, dry_run=options.dry_run, say=tell.say)
    lines = [f"landing      {stream}: {count:,} records" for stream, count in found["landing"].items()]
    for name, rows in found["publications"].items():
        lines.append(f"publication  {name}: {', '.join(f'{table} {count:,}' for table, count in rows.items())}")
    lines += [f"file         {name}" for name in found["files"]]
    return _answer(found, options.json, "\n".join([*lines, found["message"]]))


def _count(text: str) -> int:
    """An argument's whole number from 0 on."""
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number")
    return int(text)


def _answer(found: dict[str, Any], as_json: bool, text: str | None = None) -> int:
    print(json.dumps(found, ensure_ascii=False, default=str) if as_json else text or found["message"])
    return int(found.get("code", PUBLISHED))


def _settings() -> Any:
    from orchestration import shape

    return shape.load()


def _home() -> Any:
    from orchestration.home import Home

    return Home(_settings().home)

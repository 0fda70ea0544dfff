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
    add(commands, "release", _release, "let runs publish again after a rollback", "funnel release && funnel run")


def _rollback(options: argparse.Namespace) -> int:
    from orchestration.rollback import rollback

    return _answer(rollback(_home(), options.publication, options.why), options.json)


def _release(options: argparse.Namespace) -> int:
    from orchestration.rollback import release

    return _answer(release(_home()), options.json)


def _answer(found: dict[str, Any], as_json: bool, text: str | None = None) -> int:
    print(json.dumps(found, ensure_ascii=False, default=str) if as_json else text or found["message"])
    return int(found.get("code", PUBLISHED))


def _home() -> Any:
    from ingestion.settings import load_settings
    from orchestration.home import Home

    return Home(load_settings().home)

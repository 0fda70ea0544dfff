"""The page beside the published files: made with each release, or by `funnel page`. It never stops a publication."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from orchestration.errors import PUBLISHED, explain
from orchestration.home import Home, read_json, write_atomically

NAME = "index.html"
TOLD = ("code", "outcome", "finished", "as_of")
"""What a page that is open learns of the newest run: never a message, which may name records."""


def add(folder: Path, manifest: Mapping[str, Any]) -> str | None:
    """Lay the page into a release that is being written; returns what went wrong: it is not worth a refusal."""
    try:
        from dashboards.build import write

        write(folder, manifest)
    except Exception as error:
        logging.getLogger("funnel").exception("the page could not be made")
        (folder / NAME).unlink(missing_ok=True)
        return f"The page could not be made ({explain(error)}); the tables are published. `funnel page` tries again."
    return None


def tell(home: Home, outcome: Mapping[str, Any]) -> None:
    """published/status.json: how the newest run ended, for pages that are open; a refusal names its checks."""
    if home.published.is_dir():
        refused = [str(check).split(":")[0].split(" ")[0] for check in outcome["refused"]]
        told = {name: outcome[name] for name in TOLD} | {"refused": refused}
        write_atomically(home.published / "status.json", json.dumps(told, ensure_ascii=False))
        docs = home.published / "docs"  # the page's links to the catalogue and to Data Docs, from disk and over http
        if not docs.is_symlink() and not docs.exists():
            docs.symlink_to(Path("..") / "docs", target_is_directory=True)


def register(commands: Any, add_command: Callable[..., argparse.ArgumentParser]) -> None:
    """`funnel page`."""
    command = add_command(commands, "page", _page, "write the page of a publication to a file",
                          "funnel page\n  funnel page --release 20261201T024521Z-e153306a --out june.html")  # fmt: skip
    command.add_argument("--out", type=Path, default=Path("funnel.html"), metavar="FILE", help="default: %(default)s")
    command.add_argument("--release", metavar="ID", help="a release of published/releases; default: the current one")


def _page(options: argparse.Namespace) -> int:
    from dashboards.build import build
    from orchestration import shape
    from orchestration.errors import WrongUse

    home = Home(shape.load().home)
    folder = home.published / "releases" / options.release if options.release else home.published / "current"
    run = read_json(home.published / "status.json") if not options.release else None
    text, found = build(folder, last_run=run, alone=True)
    options.out.write_text(text, encoding="utf-8")
    problems = [f"{problem.key} {problem.about}" for problem in found.problems]
    if options.json:
        print(json.dumps({"page": str(options.out), "publication": found.manifest.get("id"), "problems": problems}))
    else:
        print(f"{options.out}: {len(text.encode()) / 1e6:.1f} MB, publication {found.manifest.get('id', 'none')}")
    if problems:
        raise WrongUse(
            f"The page says what is wrong with {folder}: {'; '.join(problems)}.", "Run `funnel run`, or copy it whole."
        )
    return PUBLISHED

"""One publication, one page: `build` returns it as text, `write` lays it beside the published files."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dashboards import cards, data
from dashboards.publication import Publication, look, unpacked
from dashboards.shell import shell

HERE = Path(__file__).parent
NAME = "index.html"
LANGUAGES = ("en", "ru")
STALE_HOURS = 26
"""Age from which the page itself says that nothing was published for long, as the alert on the publication does."""


def write(folder: Path, manifest: Mapping[str, Any] | None = None) -> Path:
    """The page of the publication in `folder`, beside its files. `manifest`: where that is not written yet."""
    page = folder / NAME
    page.write_text(build(folder, manifest)[0], encoding="utf-8")
    return page


def build(
    folder: Path,
    manifest: Mapping[str, Any] | None = None,
    *,
    last_run: Mapping[str, Any] | None = None,
    alone: bool = False,
) -> tuple[str, Publication]:
    """The page as text, and the publication as it was found: its problems are on the page, too.

    `last_run`: outcome of the newest run (code, finished, refused), where it is known. `alone`: the page lies elsewhere
    than the publication, so it does not look for a newer one.
    """
    import jinja2

    found = look(folder, manifest)
    collected = data.collect(found)
    same = shell()
    script = "\n".join(path.read_text(encoding="utf-8") for path in sorted((HERE / "page").glob("*.js")))
    words = {language: _json(HERE / "words" / f"{language}.json") for language in LANGUAGES}
    shown = {
        "publication": about(found, collected["tables"]) | {"last_run": last_run, "alone": alone},
        "cards": cards.as_json(),
        "tables": collected["tables"],
    }
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "page"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    text = environment.get_template("page.html.j2").render(
        cards=cards.CARDS,
        pages=cards.PAGES,
        periods=cards.PERIODS,
        english=words["en"],
        style=(HERE / "page" / "page.css").read_text(encoding="utf-8"),
        library=same["library"],
        script=script,
        hashes=" ".join(_hash(part) for part in (same["library"], script)),
        blocks={"data": safe(shown), "words": safe(words), "specs": safe(same["specs"])},
    )
    return text, found


def about(found: Publication, tables: Mapping[str, Any]) -> dict[str, Any]:
    """What the header and the last page tell of the publication."""
    manifest = found.manifest
    named = [row["currency"] for row in unpacked(tables.get("deals", {})) if row["currency"]]
    return {
        "id": manifest.get("id"),
        "as_of": manifest.get("as_of"),
        "finished": manifest.get("finished"),
        "code_version": manifest.get("code_version"),
        "currency": manifest.get("reporting", {}).get("currency") or (named[0] if len(set(named)) == 1 else "EUR"),
        "stale_hours": STALE_HOURS,
        "sources": {name: _source(source) for name, source in manifest.get("sources", {}).items()},
        "checks": Counter(check["status"] for check in manifest.get("checks", [])),
        "warnings": manifest.get("warnings", []),
        "rows": {name: table["rows"] for name, table in manifest.get("tables", {}).items()},
        "problems": [{"key": problem.key, "about": problem.about} for problem in found.problems],
    }


def _source(source: Mapping[str, Any]) -> dict[str, Any]:
    wanted = ("vendor", "extracted_at", "reached", "age_hours", "budget_hours")
    lists = {name: source.get(name) or [] for name in ("failed", "warnings")}
    return {name: source.get(name) for name in wanted} | {"stale": bool(source.get("stale"))} | lists


def safe(thing: object) -> str:
    """JSON that may stand in a script element: no name in it can end the element or begin a comment."""
    return json.dumps(thing, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _hash(script: str) -> str:
    """A script's word in the page's content policy: nothing else may run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))

"""What is the same in every page: the drawing library and the charts' specs. Made once for each version of both.

Altair and vl-convert together cost two seconds of import and bundling; their answer depends on nothing but their
versions and our `charts/`, so it is kept beside the installed packages (`share/funnel` of the virtual environment) and
made anew where that cannot be written.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

CHARTS = Path(__file__).parent / "charts"
KEPT = Path(sys.prefix) / "share" / "funnel"


def shell(kept: Path | None = None) -> dict[str, Any]:
    """{library: JavaScript that sets window.vegaEmbed, specs: {config, charts: {card: spec}}}."""
    folder = kept or KEPT
    file = folder / f"page-{_key()}.json"
    with suppress(OSError, ValueError):
        found = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(found, dict) and found.keys() == {"library", "specs"}:
            return found
    made = {"library": library(), "specs": specs()}
    with suppress(OSError):
        _keep(file, json.dumps(made, ensure_ascii=False))
    return made


def library() -> str:
    """Vega, Vega-Lite and vega-embed as one script. `</script` inside of it would end the element it lies in."""
    import vl_convert

    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")).replace("</script", "<\\/script")


def specs() -> dict[str, Any]:
    """Every drawing; what they share, the configuration, is written once."""
    from dashboards import charts
    from dashboards.charts.frame import CONFIG

    made = charts.specs()
    return {
        "config": CONFIG,
        "charts": {
            name: {k: v for k, v in spec.items() if k not in ("config", "$schema", "autosize")}
            for name, spec in made.items()
        },
    }


def _key() -> str:
    digest = hashlib.sha256(f"{version('altair')} {version('vl-convert-python')}".encode())
    for path in (Path(__file__), *sorted(CHARTS.glob("*.py"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _keep(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    for old in file.parent.glob("page-*.json"):
        old.unlink(missing_ok=True)
    handle, temporary = tempfile.mkstemp(dir=file.parent, suffix=".tmp")
    with os.fdopen(handle, "w", encoding="utf-8") as written:
        written.write(text)
    Path(temporary).replace(file)

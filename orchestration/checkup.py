"""`funnel check`: credentials, scopes and reachability of each connection, and how pipelines were understood."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ingestion.errors import SourceError
from ingestion.registry import vendors
from ingestion.settings import Connection, Settings
from ingestion.stream import CheckResult
from orchestration import status
from orchestration.errors import PUBLISHED, WRONG_USE
from orchestration.home import Home


def collect(settings: Settings, sources: tuple[str, ...]) -> dict[str, Any]:
    """Results of every connection (of `sources`, where given), and the stages of the last publication."""
    connections = [c for c in settings.connections if not sources or c.name in sources]
    with ThreadPoolExecutor(max(1, len(connections))) as pool:
        results = [result for found in pool.map(lambda c: _check(c, settings), connections) for result in found]
    return {
        "home": str(settings.home),
        "connections": [{"source": c.name, "vendor": c.vendor, "base_url": c.base_url} for c in connections],
        "results": [vars(result) for result in results],
        "properties": settings.config.for_models(),
        "stages": status.stages(Home(settings.home).published / "current"),
    }


def exit_code(found: dict[str, Any]) -> int:
    """2 where a credential or a required scope is missing, or a source cannot be reached."""
    return PUBLISHED if all(result["ok"] for result in found["results"]) else WRONG_USE


def text(found: dict[str, Any]) -> str:
    """The same for people."""
    lines = []
    for connection in found["connections"]:
        lines.append(f"{connection['source']} ({connection['vendor']}, {connection['base_url']})")
        for result in (r for r in found["results"] if r["source"] == connection["source"]):
            mark = "ok  " if result["ok"] and not result["scope"] else "skip" if result["ok"] else "FAIL"
            scope = f"  [scope {result['scope']}]" if result["scope"] else ""
            lines.append(f"  {mark} {result['name']}: {result['detail']}{scope}")
    lines += _properties(**found["properties"])
    if not found["stages"]:
        return "\n".join([*lines, "How stages are understood is shown after the first publication."])
    lines += ["", "How stages were understood ( ? = inferred from order, probability and name; set it in funnel.yml):"]
    pipeline = None
    for row in found["stages"]:
        if row["pipeline_key"] != pipeline:
            pipeline = row["pipeline_key"]
            lines.append(f"  {row['pipeline_name'] or 'unknown pipeline'}  {pipeline}")
        mark = "?" if row["is_category_inferred"] else " "
        retired = "  (removed at the source)" if row["is_retired"] else ""
        lines.append(f"  {mark} {row['stage_category']:<14} {row['stage_name']}  {row['stage_key']}{retired}")
    return "\n".join(lines)


def _properties(deal_properties: list[dict[str, Any]], amount_properties: dict[str, dict[str, str]]) -> list[str]:
    """How the properties of funnel.yml were understood."""
    lines = [
        f"  {entry['column']:<24} {entry['type']:<9} {'with history  ' if entry['tracked'] else ''}{entry['about']}"
        + "".join(f"; a renewal's {what} in {source}" for source, what in entry["renewal"].items())
        for entry in deal_properties
    ]
    lines += [
        f"  amount of {'the other pipelines' if pipeline == 'default' else f'pipeline {pipeline}'} in {source}: {name}"
        for source, given in amount_properties.items()
        for pipeline, name in sorted(given.items(), key=lambda item: item[0] == "default")
    ]
    return ["", "Columns of dim_deals and amounts that funnel.yml names:", *lines] if lines else []


def _check(connection: Connection, settings: Settings) -> list[CheckResult]:
    try:
        return vendors()[connection.vendor].check(connection, settings.config.asked_of(connection.name))
    except SourceError as error:
        return [CheckResult(connection.name, "connection", False, str(error), error.scope)]

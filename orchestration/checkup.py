"""`funnel check`: credentials, scopes and reachability of each connection, and how pipelines were understood."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ingestion.errors import SourceError
from ingestion.properties import for_models
from ingestion.registry import vendors
from ingestion.settings import Connection, Settings
from ingestion.stream import CheckResult
from orchestration import preview, status, warehouse
from orchestration.errors import PUBLISHED, WRONG_USE
from orchestration.home import Home
from orchestration.published import query

PIPELINES = """
    with counted as (
        select pipeline_key, deal_type, count(*) as deals from marts.dim_deals where not is_deleted group by all
    )
    select pipelines.pipeline_key,
        case when pipelines.is_included then '' else 'left out; ' end
        || case when pipelines.is_renewal_pipeline then 'renewals; ' else '' end
        || coalesce(string_agg(counted.deals || ' ' || counted.deal_type, ', ' order by counted.deals desc), 'no deals')
        as about
    from marts.dim_pipelines as pipelines
    left join counted on pipelines.pipeline_key = counted.pipeline_key
    group by pipelines.pipeline_key, pipelines.is_included, pipelines.is_renewal_pipeline"""


def collect(settings: Settings, sources: tuple[str, ...]) -> dict[str, Any]:
    """Results of every connection (of `sources`, where given), and the stages of the last publication."""
    current = Home(settings.home).published / "current"
    connections = [c for c in settings.connections if not sources or c.name in sources]
    with ThreadPoolExecutor(max(1, len(connections))) as pool:
        results = [result for found in pool.map(lambda c: _check(c, settings), connections) for result in found]
    return {
        "home": str(settings.home),
        "connections": [{"source": c.name, "vendor": c.vendor, "base_url": c.base_url} for c in connections],
        "results": [vars(result) for result in results],
        "properties": for_models(settings.config.properties, settings.config.amount_property),
        "rates": _rates(settings),
        "stages": status.stages(current),
        "pipelines": {row["pipeline_key"]: row["about"] for row in query(current, PIPELINES)},
        "reporting_currency": settings.config.reporting_currency,
        "preview": preview.changes(settings),
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
    lines += _told_rates(**found["rates"])
    if not found["stages"]:
        return "\n".join([*lines, "How stages are understood is shown after the first publication."])
    lines += ["", "How stages were understood ( ? = inferred from order, probability and name; set it in funnel.yml):"]
    pipeline = None
    for row in found["stages"]:
        if row["pipeline_key"] != pipeline:
            pipeline = row["pipeline_key"]
            about = f"  {found['pipelines'].get(pipeline, '')}".rstrip()
            lines.append(f"  {row['pipeline_name'] or 'unknown pipeline'}  {pipeline}{about}")
        mark = "?" if row["is_category_inferred"] else " "
        retired = "  (removed at the source)" if row["is_retired"] else ""
        lines.append(f"  {mark} {row['stage_category']:<14} {row['stage_name']}  {row['stage_key']}{retired}")
    return "\n".join([*lines, *preview.text(found["preview"], found["reporting_currency"])])


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


def _rates(settings: Settings) -> dict[str, Any]:
    """Where exchange rates come from, and what had none in the last publication. Errors: ConfigError of rates.csv."""
    current = Home(settings.home).published / "current"
    missing = """select source, currency, min(month) as first_month, max(month) as last_month
                 from meta.unconverted_amounts group by all order by all"""
    return {
        "currency": settings.config.reporting_currency,
        "own": len(warehouse.read_rates(Home(settings.home).rates)),
        "banks": sorted(settings.references, key=settings.config.exchange_rates.index),
        "missing": query(current, missing),
    }


def _told_rates(currency: str, own: int, banks: list[str], missing: list[dict[str, Any]]) -> list[str]:
    """One line, and one a currency that had no rate."""
    order = [f"rates.csv ({own} rates)" if own else "no rates.csv", "the CRM's own", *banks]
    lines = ["", f"Exchange rates into {currency}: {', then '.join(order)}" + ("" if banks else "; no bank is asked")]
    for row in missing:
        first, last = row["first_month"], row["last_month"]
        lines.append(f"  no rate for {row['currency']} ({row['source']}), months {first:%Y-%m} to {last:%Y-%m}")
    return lines


def _check(connection: Connection, settings: Settings) -> list[CheckResult]:
    try:
        return vendors()[connection.vendor].check(connection, settings.config.asked_of(connection.name))
    except SourceError as error:
        return [CheckResult(connection.name, "connection", False, str(error), error.scope)]

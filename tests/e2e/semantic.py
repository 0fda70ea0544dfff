"""MetricFlow asked in process: it writes SQL, we run it. Only this module knows its inside: it has no stable API."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup


class RenderOnly:
    """As much of a client as writing SQL needs."""

    sql_engine_type = SqlEngine.DUCKDB
    sql_plan_renderer = DuckDbSqlPlanRenderer()


def engine(manifest: Path) -> MetricFlowEngine:
    """Over dbt's target/semantic_manifest.json."""
    parsed = parse_manifest_from_dbt_generated_manifest(manifest.read_text(encoding="utf-8"))
    return MetricFlowEngine(SemanticManifestLookup(parsed), RenderOnly())


def sql(mf: MetricFlowEngine, metrics: Sequence[str] = (), by: Sequence[str] = (), saved: str | None = None) -> str:
    """The SQL of a question; its tables are those of the catalog `warehouse`."""
    request = MetricFlowQueryRequest.create(
        saved_query_name=saved, metric_names=list(metrics) or None, group_by_names=list(by) or None
    )
    return mf.explain(request).sql_statement.sql

"""The dbt project as Dagster assets; what dbt did, told as Dagster events."""
# No `from __future__ import annotations` here: Dagster reads the annotations of steps.

import json
from collections.abc import Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, dbt_assets
from dagster_dbt.asset_utils import get_asset_check_key_for_test

from ingestion.settings import Settings
from orchestration import clock, dbt_build, own_package, reconcile, unchanged, vintages, warehouse
from orchestration.dbt_build import Node
from orchestration.ledger import checks_of
from orchestration.resources import WRITER, RunRequest
from orchestration.session import Session


class Translator(DagsterDbtTranslator):
    """Raw and meta tables get the keys of the assets that write them; a model's group is its folder."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        schema = dbt_resource_props["schema"]
        return dg.AssetKey([schema, dbt_resource_props.get("alias") or dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        if dbt_resource_props["package_name"] == own_package.PACKAGE:
            return own_package.PACKAGE
        return str(dbt_resource_props["fqn"][1]) if len(dbt_resource_props["fqn"]) > 2 else "seeds"


def models(settings: Settings) -> dg.AssetsDefinition:
    """Every model and seed, with its data tests as asset checks."""
    translator = Translator()
    manifest = json.loads(dbt_build.manifest(settings).read_text(encoding="utf-8"))

    @dbt_assets(manifest=manifest, dagster_dbt_translator=translator, name="models", pool=WRITER)
    def models(context: dg.AssetExecutionContext, request: RunRequest) -> Iterator[Any]:
        session = request.session(context)
        with session.step("models"):
            vintages.refuse_damaged(session.home)
            chosen = selection(context, manifest, translator)
            if not chosen and unchanged.stands(session):
                session.say("nothing new was loaded: the tables stand as they are, dbt is left out")
                yield from untouched(manifest, translator)
                yield from unasked(session, set(context.selected_asset_check_keys))
                return
            nodes = dbt_build.build(session, chosen)
            if reconcile.read_again(session):
                nodes = dbt_build.build(session)
            clock.check_range(session.as_of, warehouse.first_event(session.path), session.started_at)
            yield from events(nodes, manifest, translator, set(context.selected_asset_check_keys))
            dbt_build.judge(session, nodes)
            if not chosen:
                unchanged.remember(session)

    return models


def untouched(manifest: Mapping[str, Any], translator: Translator) -> Iterator[dg.MaterializeResult]:
    """Every model as it was, in the order of a build: what comes after it still runs."""
    nodes = {
        name: node
        for name, node in manifest["nodes"].items()
        if node["resource_type"] in ("model", "seed") and node["config"]["materialized"] != "ephemeral"
    }
    graph = {
        name: [n for n in node.get("depends_on", {}).get("nodes", ()) if n in nodes] for name, node in nodes.items()
    }
    for unique_id in TopologicalSorter(graph).static_order():
        key = translator.get_asset_spec(manifest, unique_id, None).key
        yield dg.MaterializeResult(asset_key=key, metadata={"unchanged": True})


def unasked(session: Session, checks: set[dg.AssetCheckKey]) -> Iterator[dg.AssetCheckResult]:
    """What the checks of tables that stand said when those were built: warned or passed, else they would not stand."""
    with warehouse.connect(session.path, read_only=True) as connection:
        (run_id,) = connection.execute("select run_id from meta.run_clock").fetchall()[0]
    warned = {check.check for check in checks_of(session.path, run_id) if check.status == "warn"}
    for key in sorted(checks, key=str):
        yield dg.AssetCheckResult(
            asset_key=key.asset_key,
            check_name=key.name,
            passed=key.name not in warned,
            severity=dg.AssetCheckSeverity.WARN if key.name in warned else dg.AssetCheckSeverity.ERROR,
            metadata={"unchanged": True},
        )


def selection(context: dg.AssetExecutionContext, manifest: Mapping[str, Any], translator: Translator) -> list[str]:
    """Names of the models asked for; none means all."""
    if not context.is_subset:
        return []
    chosen = context.selected_asset_keys
    return [
        node["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] in ("model", "seed") and translator.get_asset_key(node) in chosen
    ]


def events(
    nodes: Sequence[Node], manifest: Mapping[str, Any], translator: Translator, checks: set[dg.AssetCheckKey]
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """dbt's results as Dagster events: a materialization a model, an evaluation a test that is an asset check."""
    known = manifest["nodes"]  # a node may be younger than the manifest where the project was edited during the run
    for node in (node for node in nodes if node.unique_id in known):
        if node.kind == "test":
            check = get_asset_check_key_for_test(manifest, translator, node.unique_id, None)
            if check is not None and check in checks and node.status != "skipped":
                severity = dg.AssetCheckSeverity.WARN if node.status == "warn" else dg.AssetCheckSeverity.ERROR
                yield dg.AssetCheckResult(
                    asset_key=check.asset_key,
                    check_name=check.name,
                    passed=node.status == "pass",
                    severity=severity,
                    metadata={"failing_rows": node.failures, "seconds": node.seconds, "message": node.message or "-"},
                )
        elif node.status == "success":
            key = translator.get_asset_spec(manifest, node.unique_id, None).key
            yield dg.MaterializeResult(asset_key=key, metadata={"seconds": node.seconds, "relation": node.table})

"""Landing and raw tables as Dagster assets: one a stream and a room, derived from the registry."""
# No `from __future__ import annotations` here: Dagster reads the annotations of steps.

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from ingestion.loading import LoadReport
from ingestion.registry import vendors
from ingestion.settings import Connection
from ingestion.stream import Stream, StreamReport, Vendor
from orchestration import warehouse
from orchestration.resources import WRITER, RunRequest

CLOCK = dg.AssetKey(["meta", "run_clock"])
CONFIGURED = (
    "configured_rates",
    "configured_targets",
    "configured_ledger",
    "configured_stages",
    "configured_thresholds",
    "configured_teams",
    "configured_sources",
)
FROZEN = (*warehouse.FROZEN, "forecast_waivers", "forecast_adjustments")
"""Read out of FUNNEL_HOME/vintages."""
CHECK = "extracted"


def landing_key(vendor: Vendor, stream: Stream) -> dg.AssetKey:
    return dg.AssetKey(["landing", f"{vendor.name}__{stream.name}"])


def raw_key(vendor: Vendor, stream: Stream) -> dg.AssetKey:
    return dg.AssetKey(["raw", f"{vendor.name}__{stream.name}"])


@dg.multi_asset(
    name="begin",
    pool=WRITER,
    group_name="run",
    specs=[
        dg.AssetSpec(CLOCK, description="The run's one clock: every model takes as-of from here.", kinds={"duckdb"}),
        *(
            dg.AssetSpec(["meta", name], description=f"{name.split('_')[1].title()} of the user's configuration.",
                         kinds={"duckdb"})
            for name in CONFIGURED
        ),
        *(
            dg.AssetSpec(["meta", name], description="Of the months that were closed.", kinds={"duckdb"})
            for name in FROZEN
        ),
    ],
)  # fmt: skip
def begin(context: dg.AssetExecutionContext, request: RunRequest) -> Iterator[dg.MaterializeResult]:
    """First step of every run: the lock (taken where the UI started the run), the clock, the configuration."""
    session = request.session(context)
    with session.step("begin"):
        rows = session.begin()
        yield dg.MaterializeResult(asset_key=CLOCK, metadata={"as_of": session.as_of.isoformat()})
        for name in FROZEN:
            yield dg.MaterializeResult(asset_key=["meta", name])
        for name, count in rows.items():
            yield dg.MaterializeResult(asset_key=["meta", name], metadata={"dagster/row_count": count})


def landing_assets(vendor: Vendor) -> dg.AssetsDefinition:
    """A vendor's streams, extracted side by side in one step; each with a check that says whether it came through."""
    specs = [
        dg.AssetSpec(
            landing_key(vendor, stream),
            deps=[CLOCK],
            description=f"{stream.description}, as {vendor.title} answered.",
            kinds={"python", "file"},
        )
        for stream in vendor.streams
    ]
    checks = [dg.AssetCheckSpec(CHECK, asset=spec.key, description="The stream came through whole.") for spec in specs]

    @dg.multi_asset(name=f"extract_{vendor.name}", specs=specs, check_specs=checks, group_name=vendor.name)
    def extract(context: dg.AssetExecutionContext, request: RunRequest) -> Iterator[Any]:
        session = request.session(context)
        with session.step("extract"):
            reports = session.extract(vendor.name)
            for stream in vendor.streams:
                own = [report for report in reports if report.stream == stream.name]
                yield dg.MaterializeResult(asset_key=landing_key(vendor, stream), metadata=extracted(own))
                yield verdict(landing_key(vendor, stream), own)

    return extract


def raw_assets(declared: Sequence[Vendor]) -> dg.AssetsDefinition:
    """Every raw table, loaded in one step, exactly once a window."""
    pairs = [(vendor, stream) for vendor in declared for stream in vendor.streams]
    specs = [
        dg.AssetSpec(
            raw_key(vendor, stream),
            deps=[landing_key(vendor, stream)],
            group_name=vendor.name,
            description=f"{stream.description}: every version ever landed.",
            kinds={"duckdb"},
        )
        for vendor, stream in pairs
    ]
    landed = [landing_key(vendor, stream) for vendor, stream in pairs]
    books = [
        dg.AssetSpec(["raw", "_windows"], deps=landed, group_name="run", description="One row a loaded window."),
        dg.AssetSpec(["meta", "load_rejects"], deps=landed, group_name="run", description="Lines without a key."),
    ]

    @dg.multi_asset(name="load", specs=[*specs, *books], pool=WRITER)
    def load(context: dg.AssetExecutionContext, request: RunRequest) -> Iterator[dg.MaterializeResult]:
        session = request.session(context)
        with session.step("load"):
            loads = session.load()
            for spec in specs:
                table = spec.key.path[1]
                own = [report for report in loads if f"{report.vendor}__{report.stream}" == table]
                yield dg.MaterializeResult(asset_key=spec.key, metadata=loaded(own))
            for spec in books:
                yield dg.MaterializeResult(asset_key=spec.key, metadata=loaded(loads))

    return load


def ingest_assets(connections: Sequence[Connection]) -> list[dg.AssetsDefinition]:
    """The clock, and landing and raw of the vendors in use."""
    declared = in_use(connections)
    return [begin, *(landing_assets(vendor) for vendor in declared), raw_assets(declared)]


def in_use(connections: Sequence[Connection]) -> list[Vendor]:
    """Vendors that have a connection, and the banks; all of them where nothing is connected yet.

    The raw tables of the others are there, empty: models find them, and no run has a step or an event of them.
    """
    connected = {connection.vendor for connection in connections}
    sales = {name for name, vendor in vendors().items() if not vendor.is_reference}
    return [v for v in vendors().values() if v.is_reference or v.name in connected or not connected & sales]


def extracted(reports: Sequence[StreamReport]) -> dict[str, Any]:
    """What people want to see of a stream's extraction, over all connections of the vendor."""
    windows = [f"{r.source}: {r.from_at or 'the beginning'} to {r.to_at or '-'} ({r.kind})" for r in reports]
    return {
        "dagster/row_count": sum(r.rows for r in reports),
        "requests": sum(r.requests for r in reports),
        "retries": sum(r.retries for r in reports),
        "seconds": round(max((r.seconds for r in reports), default=0.0), 3),
        "window": "; ".join(windows) or "not extracted in this run",
        "warnings": dg.MetadataValue.md("\n".join(f"- {r.source}: {w}" for r in reports for w in r.warnings) or "none"),
    }


def loaded(reports: Sequence[LoadReport]) -> dict[str, Any]:
    """Rows that went in in this run (the table itself keeps all versions)."""
    return {
        "rows_loaded": sum(r.rows for r in reports),
        "rejected": sum(r.rejected for r in reports),
        "windows": ", ".join(r.window_id for r in reports) or "none",
        "seconds": round(sum(r.seconds for r in reports), 3),
    }


def verdict(key: dg.AssetKey, reports: Sequence[StreamReport]) -> dg.AssetCheckResult:
    """Passed where no connection failed on the stream. Never blocking: the other sources go on."""
    errors = [str(report.error) for report in reports if report.error]
    return dg.AssetCheckResult(
        asset_key=key, check_name=CHECK, passed=not errors, metadata={"errors": "; ".join(errors) or "none"}
    )

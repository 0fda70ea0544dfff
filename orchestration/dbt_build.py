"""Running dbt: the project's manifest, one build a run in this process, and what its tests say.

dbt runs in process (its own supported runner): no orphan survives a killed run, and its start is paid once.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingestion.landing import Landing
from ingestion.registry import vendors
from ingestion.settings import PROJECT_ROOT, Settings
from orchestration import collector, own_package, vendor_package, warehouse
from orchestration.errors import AuditRefused, BuildFailed
from orchestration.home import Home, write_atomically
from orchestration.ledger import Check, record_checks
from orchestration.runbooks import page_of_refusal
from orchestration.session import Say, Session

PROJECT = PROJECT_ROOT / "dbt_project"
SAMPLE = 3
LEFT_OUT = tuple(w for kind in ("unit_test", "saved_query", "exposure") for w in ("--exclude-resource-type", kind))
"""Of every build: unit tests belong to `make test`; saved queries and exposures are no tables."""


@dataclass(frozen=True)
class Node:
    """What dbt did with one node. `table` is its relation (a test's: the one it is about), `failures` a test's rows."""

    unique_id: str
    name: str
    kind: str
    table: str
    status: str
    seconds: float = 0.0
    failures: int = 0
    message: str = ""
    sql: str = ""


def variables(settings: Settings) -> str:
    """The vars of every dbt invocation, always spelled the same: other text would cost a full parse."""
    config = settings.config
    return json.dumps(
        {
            **modelled(settings),
            "reporting_timezone": config.reporting_timezone,
            "reporting_currency": config.reporting_currency,
            "fiscal_year_start_month": config.fiscal_year_start_month,
            "revenue_month": config.revenue_month,
            **config.for_models(),
        }
    )


def modelled(settings: Settings) -> dict[str, Any]:
    """Vendors whose models are built, by var: those of a connection, and those of which anything was ever landed. A CRM
    where there is none, so that there is a project. `marketing`: {thing: vendors that have a staging model of it}."""
    there = {c.vendor for c in settings.connections} | Landing(settings.landing).vendors()
    known = [vendor for name, vendor in vendors().items() if name in there and not vendor.is_reference]
    crms = [vendor.name for vendor in known if vendor.gives_deals] or ["hubspot"]
    ads = [vendor.name for vendor in known if not vendor.gives_deals]
    built = [vendors()[name] for name in (*crms, *ads)]
    things = sorted({thing for vendor in built for thing in vendor.gives})
    marketing = {thing: [vendor.name for vendor in built if thing in vendor.gives] for thing in things}
    return {"vendors": crms, "ad_vendors": ads, "marketing": marketing}


def invoke(settings: Settings, command: str, *arguments: str, progress: Say | None = None) -> Any:
    """One dbt command in this process; returns dbt's result. Errors: BuildFailed where dbt itself could not start."""
    from dbt.cli.main import dbtRunner

    home = Home(settings.home)
    home.export()
    flags = [
        *("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)),
        *("--target-path", str(home.target), "--log-path", str(home.logs)),
        *("--log-level", "none", "--log-level-file", "info", "--no-use-colors", "--no-send-anonymous-usage-stats"),
        *("--vars", variables(settings)),
    ]
    callbacks = [lambda event: _tell(event, progress)] if progress else []
    collector.gentle()
    try:
        outcome = dbtRunner(callbacks=callbacks).invoke([command, *arguments, *flags])
    finally:
        _close_warehouse()
        logging.captureWarnings(False)
    if outcome.exception is not None:
        raise BuildFailed(
            f"dbt {command} could not run: {str(outcome.exception).strip()}.", f"See {home.logs / 'dbt.log'}."
        )
    return outcome


def manifest(settings: Settings) -> Path:
    """FUNNEL_HOME/target/manifest.json, made anew when the project or the vars are not those it was made from."""
    home = Home(settings.home)
    sync_packages(settings)
    target = home.target
    path, key_file = target / "manifest.json", target / "manifest.key"
    key = fingerprint(settings)
    if not path.exists() or not key_file.exists() or key_file.read_text(encoding="utf-8") != key:
        target.mkdir(parents=True, exist_ok=True)
        invoke(settings, "parse")
        write_atomically(key_file, key)
    return path


def sync_packages(settings: Settings) -> None:
    """Bring the user's packages up to date. Errors: ConfigError where a file is no text."""
    home = Home(settings.home)
    own_package.sync(home)
    built = modelled(settings)
    vendor_package.sync(home, [*built["vendors"], *built["ad_vendors"]])


def build(session: Session, select: Sequence[str] = ()) -> list[Node]:
    """Build models and run data tests once, and record the tests.

    What incremental models hold was made by the project that made it: under another one everything is built anew.
    """
    warehouse.drop_older_shapes(session.path)
    for name in own_package.drop_removed(session.home):
        session.say(f"own.{name} is no model any more: dropped")
    project, built_by = fingerprint(session.settings), warehouse.built_project(session.path)
    arguments = [*LEFT_OUT, *(["--select", *select] if select else [])]
    if built_by != project and not select:
        arguments.append("--full-refresh")
    outcome = invoke(session.settings, "build", *arguments, progress=session.say)
    results = outcome.result.results
    if not select and not any(str(r.status) == "error" for r in results):
        warehouse.write_built_project(session.path, project)
    tables = {r.node.unique_id: f"{r.node.schema}.{r.node.alias}" for r in results}
    nodes = [_node(result, tables) for result in results]
    record_checks(session.path, session.run_id, "dbt", _checks(session, nodes))
    return nodes


def judge(session: Session, nodes: Sequence[Node]) -> None:
    """Errors: BuildFailed for models that could not be built, AuditRefused for data tests that failed."""
    if broken := [n for n in nodes if n.status == "error" and n.kind != "test"]:
        first = broken[0]
        raise BuildFailed(
            f"dbt could not build {', '.join(n.table for n in broken)}: {' '.join(first.message.split())}",
            f"The last publication stands. See {session.home.logs / 'dbt.log'}.",
        )
    checks = _checks(session, nodes)
    session.warned += [c for c in checks if c.status == "warn"]
    if refused := [c for c in checks if c.refuses]:
        session.refused += refused
        raise refused_by(refused)


def refused_by(checks: Sequence[Check]) -> AuditRefused:
    """The refusal by these checks, with the page about their kind."""
    page = page_of_refusal({check.kind for check in checks}, {check.table for check in checks})
    return AuditRefused(refusal(checks), "The last publication stands.", page)


def refusal(checks: Sequence[Check]) -> str:
    """The paragraph that names what refused."""
    shown = " ".join(f"[{check}]" for check in checks[:5])
    more = f" and {len(checks) - 5} more" if len(checks) > 5 else ""
    return f"The audit refused the new tables: {shown}{more}."


def _checks(session: Session, nodes: Sequence[Node]) -> list[Check]:
    return [_check(session.path, node) for node in nodes if node.kind == "test" and node.status != "skipped"]


def _check(path: Path, node: Node) -> Check:
    status = {"pass": "pass", "warn": "warn", "fail": "fail"}.get(node.status, "error")
    sample = _sample(path, node) if status in ("fail", "warn") else ""
    message = "" if status == "pass" else node.message
    return Check(node.name, node.table, status, "dbt", node.failures, sample, message)  # type: ignore[arg-type]


def _sample(path: Path, node: Node) -> str:
    """The first failing rows of a test, as text; a sample is a help, so that what goes wrong with it is no error."""
    import duckdb

    try:
        with warehouse.connect(path, read_only=True) as connection:
            rows = warehouse.rows_of(connection, f"select * from ({node.sql}) limit {SAMPLE}")
    except duckdb.Error:
        return ""
    texts = (", ".join(f"{name} {value}" for name, value in row.items() if value is not None) for row in rows)
    return "; ".join(text[:200] for text in texts)


def _node(result: Any, tables: Mapping[str, str]) -> Node:
    node = result.node
    about = node.unique_id
    if node.resource_type == "test":
        about = getattr(node, "attached_node", None) or next(iter(node.depends_on.nodes), about)
    return Node(
        unique_id=node.unique_id,
        name=node.name,
        kind=str(node.resource_type),
        table=tables.get(about, about.split(".")[-1]),
        status=str(result.status),
        seconds=round(result.execution_time, 3),
        failures=result.failures or 0,
        message=(result.message or "").strip(),
        sql=getattr(node, "compiled_code", None) or "",
    )


def _tell(event: Any, progress: Say) -> None:
    if event.info.name == "NodeFinished":
        data = event.data
        progress(f"{data.node_info.resource_type} {data.node_info.node_name} {data.node_info.node_status}")


def _close_warehouse() -> None:
    """dbt-duckdb keeps the file open for the next command; others in this process need it."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    if DuckDBConnectionManager._ENV is not None:
        DuckDBConnectionManager._ENV.close()
        DuckDBConnectionManager.close_all_connections()


def fingerprint(settings: Settings) -> str:
    """Of the vars and every file of the project and of the user's own models."""
    digest = hashlib.sha256(variables(settings).encode())
    for path in sorted(p for p in PROJECT.rglob("*.*") if p.suffix in (".sql", ".py", ".yml", ".csv", ".md")):
        digest.update(str(path.relative_to(PROJECT)).encode() + path.read_bytes())
    for content in own_package.contents(Home(settings.home)):
        digest.update(content)
    return digest.hexdigest()

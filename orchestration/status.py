"""`funnel status`: what stands published, how old it is, and how the newest run ended. Opens published files only."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingestion.settings import Settings
from orchestration import forecast_state, vintages
from orchestration.alerts import Book
from orchestration.hold import Hold, is_forgetting_unfinished, read_hold
from orchestration.home import Home, read_json
from orchestration.lock import holder
from orchestration.published import query
from orchestration.runbooks import see
from orchestration.stage_changes import all_changes, line_to_paste, unconfirmed


def collect(settings: Settings) -> dict[str, Any]:
    """Everything `status` shows, as one JSON-able dict. Never waits for the warehouse and never opens it."""
    home = Home(settings.home)
    current = home.published / "current"
    manifest = read_json(current / "manifest.json")
    last_run = read_json(home.last_run) or {}
    return {
        "home": str(home.root),
        "running": holder(home.lock),
        "is_forgetting_unfinished": is_forgetting_unfinished(home),
        "hold": asdict(hold) if (hold := read_hold(home)) else None,
        "publication": _publication(manifest, current) if manifest else None,
        "sources": _sources(manifest, last_run) if manifest else {},
        "checks": _checks(manifest) if manifest else {},
        "rejected_records": _rejected(current) if manifest else [],
        "stages": stages(current) if manifest else [],
        "stage_changes": _stage_changes(settings, current) if manifest else None,
        "forecast": forecast_state.collect(current, last_run) if manifest else None,
        "vintages": vintages.summary(home),
        "alerts": [{"since": a["since"], **a["alert"], "members": a["members"]} for a in Book(home).open.values()],
        "last_run": {k: last_run.get(k) for k in ("code", "outcome", "message", "finished", "as_of", "warnings")}
        if last_run
        else None,
    }


def _publication(manifest: dict[str, Any], current: Path) -> dict[str, Any]:
    return {
        "id": manifest["id"],
        "as_of": manifest["as_of"],
        "known_at": manifest["known_at"],
        "finished": manifest["finished"],
        "code_version": manifest["code_version"],
        "tables": {name: table["rows"] for name, table in manifest["tables"].items()},
        "path": str(current),
    }


def _sources(manifest: dict[str, Any], last_run: dict[str, Any]) -> dict[str, Any]:
    """Each source's newest window and its age against as-of: the last run's, unless that was a replay of the past."""
    failed = last_run.get("failed_sources") or {}
    later = last_run.get("as_of", "") and _instant(last_run["as_of"]) >= _instant(manifest["as_of"])
    ages = last_run.get("sources") or {} if later else {}
    return {
        name: {
            "vendor": source["vendor"],
            "last_window_end": source["last_window_end"],
            "extracted_at": source["extracted_at"],
            "age_hours_at_as_of": _aged(ages, name, source)["age_hours"],
            "budget_hours": _aged(ages, name, source).get("budget_hours"),
            "stale": _aged(ages, name, source).get("stale", False),
            "warnings": source["warnings"],
            "failed": failed.get(name) or source["failed"],
        }
        for name, source in manifest["sources"].items()
    }


def _aged(ages: dict[str, Any], name: str, source: dict[str, Any]) -> dict[str, Any]:
    """The source's age as the last run knew it, else as it was published (without a budget by older releases)."""
    found = ages.get(name) or {}
    return found if found.get("age_hours") is not None else source


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _checks(manifest: dict[str, Any]) -> dict[str, Any]:
    checks = manifest["checks"]
    return {
        "passed": sum(check["status"] == "pass" for check in checks),
        "warned": sorted(check["check"] for check in checks if check["status"] == "warn"),
    }


def _rejected(current: Path) -> list[dict[str, Any]]:
    return query(
        current,
        """select source, stream, reason, count(*) as records from meta.rejected_records
           group by all order by records desc, source, stream limit 10""",
    )


def _stage_changes(settings: Settings, current: Path) -> dict[str, Any] | None:
    """Changes of stages that wait for confirmation, and what to paste; None where nothing waits."""
    config = settings.config
    found = unconfirmed(all_changes(current), config)
    if not found:
        return None
    waiting = [
        {"pipeline_key": s.pipeline_key, "noticed_at": s.noticed_at.isoformat(), "stages": sorted(s.keys),
         "changes": s.told(config.reporting_currency)} for s in found
    ]  # fmt: skip
    return {"waiting": waiting, "paste": line_to_paste(found, config)}


def stages(current: Path) -> list[dict[str, Any]]:
    """Every stage as it was understood: its category, and whether that was inferred or is unknown."""
    return query(
        current,
        """select p.source, p.pipeline_name, s.pipeline_key, s.stage_key, s.stage_name, s.stage_category,
                  s.is_category_inferred, s.is_retired, s.stage_category = 'unknown' as is_unknown
           from marts.dim_stages s left join marts.dim_pipelines p using (pipeline_key)
           order by p.source, s.pipeline_key, s.display_order nulls last, s.stage_key""",
    )


def text(status: dict[str, Any]) -> str:
    """The same for people."""
    lines = [f"home         {status['home']}"]
    if status["running"]:
        lines.append(f"running      {status['running']}")
    if status.get("is_forgetting_unfinished"):
        lines.append(
            "FORGET       was interrupted and nothing is published: `funnel forget` without a name finishes it"
        )
    if hold := status["hold"]:
        lines.append(f"HOLD         nothing new becomes current: {Hold(**hold)}; `funnel release` ends it")
    if publication := status["publication"]:
        marts = sum(name.startswith("marts.") for name in publication["tables"])
        lines += [
            f"published    {publication['id']}   ({marts} tables, {publication['path']}/funnel.duckdb)",
            f"as of        {_short(publication['as_of'])}   known at {_short(publication['known_at'])}, "
            f"published {_ago(publication['finished'])} ago",
        ]
        for name, source in status["sources"].items():
            state = "FAILED, older data shown" if source["failed"] else "ok"
            lines.append(
                f"source       {name}: {state}; newest change {_short(source['last_window_end'])}, "
                f"read {_short(source['extracted_at'])}, {source['age_hours_at_as_of']} h old at as-of"
            )
            if source["stale"]:
                lines.append(f"             STALE: its budget is {source['budget_hours']:g} h. {see('stale-source')}")
            lines += [f"             {text}" for text in (*source["failed"], *source["warnings"])]
        checks = status["checks"]
        lines.append(f"checks       {checks['passed']} passed, {len(checks['warned'])} warned")
        lines += [f"             warned: {name}" for name in checks["warned"]]
        lines.append(f"rejected     {sum(row['records'] for row in status['rejected_records'])} records")
        lines += [f"             {r['source']}/{r['stream']}: {r['records']} × {r['reason']}"
                  for r in status["rejected_records"]]  # fmt: skip
        unknown = [row["stage_key"] for row in status["stages"] if row["is_unknown"]]
        lines.append(
            f"stages       {len(status['stages'])} known, {len(unknown)} unknown {' '.join(unknown[:5])}".rstrip()
        )
        if unknown:
            lines.append(f"             {see('unknown-stage')}")
        lines += _told_changes(status.get("stage_changes"))
    else:
        lines.append("published    nothing yet: `funnel run`, or `funnel demo` without a portal")
    lines += forecast_state.told(status.get("forecast"))
    lines += vintages.told(status.get("vintages"))
    lines += [f"alert        since {_short(alert['since'])}: {alert['title']}" for alert in status["alerts"]]
    if run := status["last_run"]:
        lines.append(f"last run     exit {run['code']}, {_ago(run['finished'])} ago: {run['message']}")
    return "\n".join(lines)


def _told_changes(changes: dict[str, Any] | None) -> list[str]:
    if not changes:
        return []
    lines = []
    for one in changes["waiting"]:
        lines.append(f"CHANGED      {one['pipeline_key']}, noticed {_short(one['noticed_at'])}")
        lines += [f"             {text}" for text in one["changes"]]
    lines.append(f"             Until this stands in funnel.yml they stay here. {see('stage-changed')}")
    return [*lines, f"{changes['paste']}"]


def _short(instant: str | None) -> str:
    return instant[:16].replace("T", " ") + " UTC" if instant else "-"


def _ago(instant: str) -> str:
    """How long ago by the wall clock: minutes, hours or days."""
    minutes = (datetime.now(UTC) - datetime.fromisoformat(instant)).total_seconds() / 60
    for size, unit in ((1440, "d"), (60, "h")):
        if minutes >= size:
            return f"{minutes / size:.1f} {unit}"
    return f"{minutes:.0f} min"

"""`funnel explain`: why a published figure is what it is. Reads publications only, the current one and those kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from ingestion.close import midnight, next_month
from ingestion.settings import Settings
from orchestration.closing import first_day
from orchestration.errors import WrongUse
from orchestration.home import Home, read_json
from orchestration.publish import releases
from orchestration.published import opened
from orchestration.warehouse import rows_of
from orchestration.why_forecast import forecast
from orchestration.why_metrics import FORECAST, REVENUE, Figure, figure_of

CENT = Decimal("0.01")


@dataclass(frozen=True)
class Scope:
    """Whose figure: `type` all, pipeline or team; `key` as the marts have it."""

    type: str
    key: str
    name: str


def collect(
    settings: Settings, month: str, metric: str, *, pipeline: str | None = None, team: str | None = None, top: int = 10
) -> dict[str, Any]:
    """The figure, where it is published, the windows it rests on, its deals (the `top` largest), what changed it since.

    Money as decimals in the reporting currency. `deals.difference` is the figure less what its deals add up to.
    Errors: WrongUse where nothing is published, or month, metric, pipeline or team name nothing.
    """
    first, figure = first_day(month), figure_of(metric)
    current = (Home(settings.home).published / "current").resolve()
    manifest = read_json(current / "manifest.json")
    if manifest is None:
        raise WrongUse("Nothing has been published yet.", "`funnel run` does it.")
    timezone = manifest.get("reporting", {}).get("timezone", settings.config.reporting_timezone)
    with opened(current) as connection:
        scope = _scope(connection, pipeline, team)
        found = {
            "month": month,
            "metric": figure.name,
            "label": figure.label,
            "definition": figure.definition,
            "model": f"marts.{figure.model}",
            "formula": figure.formula,
            "unit": figure.unit,
            "currency": settings.config.reporting_currency if figure.unit == "money" else None,
            "scope": vars(scope),
            "publication": {name: manifest[name] for name in ("id", "as_of", "known_at", "code_version")},
            "windows": _windows(manifest),
            "closed": _closed(connection, first),
            "waivers": _waivers(connection, first),
        }
        if figure.name == FORECAST:
            return found | forecast(connection, first, scope.type, scope.key, top)
        found["figure"] = value_of(connection, figure, first, scope)
        found["deals"] = _deals(connection, figure, first, scope, timezone, settings, found["figure"], top)
        if figure.name in (REVENUE, "won_amount"):
            found["restatements"] = _restatements(connection, first, scope)
    return found | {"publications": _said_before(settings, figure, first, scope)}


def value_of(connection: duckdb.DuckDBPyConnection, figure: Figure, month: date, scope: Scope) -> Any:
    """The published figure. Errors: WrongUse where the month or the scope has none."""
    if figure.model == "actual_revenue_monthly":
        where, values = "month = ? and segment_type = ? and segment = ?", [month, scope.type, scope.key]
    else:
        where, values = "month = ?", [month]
        if scope.type != "all":
            where, values = f"{where} and coalesce({scope.type}_key, '') = ?", [month, scope.key]
    row = connection.execute(f"select {figure.formula}, count(*) from marts.{figure.model} where {where}", values)
    value, rows = row.fetchone() or (None, 0)
    if not rows:
        ends = connection.execute(f"select min(month), max(month) from marts.{figure.model}").fetchone() or (None, None)
        said = f"{ends[0]:%Y-%m} to {ends[1]:%Y-%m}" if ends[0] else "no month"
        raise WrongUse(f"{month:%Y-%m} has no {figure.name} for {scope.name}.", f"Published: {said}.")
    return value


def _deals(
    connection: duckdb.DuckDBPyConnection, figure: Figure, month: date, scope: Scope, timezone: str,
    settings: Settings, value: Any, top: int,
) -> dict[str, Any]:  # fmt: skip
    """Deals behind the figure, largest first, and whether they add up to it."""
    ends, running = midnight(next_month(month), timezone), "marts.mart_open_deals"
    ended = f"(from marts.fct_pipeline_month_end where month_end = date '{next_month(month) - timedelta(1)}')"
    [is_over] = connection.execute(
        "select coalesce(bool_or(is_complete_month), false) from marts.mart_sales_kpis_monthly where month = ?", [month]
    ).fetchone() or (False,)
    days = ["close_date", f"(closed_at at time zone '{timezone}')::date"]
    if settings.config.revenue_month == "closed_at":
        days = days[1:]
    asked = figure.deals.format(
        month=month, timezone=timezone, seen_at=ends.isoformat(), open=ended if is_over else running,
        day=", ".join(days),
    )  # fmt: skip
    team = "coalesce(found.team_then, '')" if "team_then" in asked else "coalesce(owners.team_key, '')"
    test = {"all": "true", "pipeline": "found.pipeline_key = $1", "team": f"{team} = $1"}[scope.type]
    connection.execute(
        f"""create or replace temp table behind as select found.* from ({asked}) as found
            left join marts.dim_owners_history as owners
                on found.owner_key = owners.owner_key and found.owned_at >= owners.valid_from
                and (owners.valid_to is null or found.owned_at < owners.valid_to)
            where {test}""",
        [] if scope.type == "all" else [scope.key],
    )
    [count, total, won, mean, events, last] = connection.execute(
        """select count(*), sum(value), count(*) filter (where part = 'won'), avg(value),
               (select count(*) from marts.fct_deal_events where deal_key in (select deal_key from behind)),
               (select max(recorded_at) from marts.fct_deal_events where deal_key in (select deal_key from behind))
           from behind"""
    ).fetchone() or (0, None, 0, None, 0, None)
    made = {"sum": total or Decimal(0), "count": count, "share": won / count if count else None, "mean": mean}
    rows = rows_of(
        connection,
        f"""select behind.deal_key, deal_name, part, value, owner_name, source_url
            from behind left join marts.dim_deals using (deal_key)
            left join marts.dim_owners on behind.owner_key = dim_owners.owner_key
            order by abs(value) desc nulls last, deal_key limit {int(top)}""",
    )
    return {
        "count": count,
        "made_of_them": made[figure.sums],
        "difference": None if value is None or made[figure.sums] is None else _less(value, made[figure.sums]),
        "ledger_events": events,
        "last_recorded_at": last,
        "top": rows,
    }


def _less(value: Any, made: Any) -> Any:
    """Exact for money and counts; of shares and days what lies above the precision of doubles."""
    if isinstance(value, float):
        return round(value - float(made), 9)
    return Decimal(value) - Decimal(made)


def _scope(connection: duckdb.DuckDBPyConnection, pipeline: str | None, team: str | None) -> Scope:
    if pipeline and team:
        raise WrongUse("--pipeline and --team exclude each other.", "Ask twice.")
    if not (pipeline or team):
        return Scope("all", "all", "all")
    kind, wanted = ("pipeline", pipeline) if pipeline else ("team", team)
    rows = connection.execute(f"select {kind}_key, {kind}_name from marts.dim_{kind}s order by 1").fetchall()
    found = [row for row in rows if wanted in row]
    if len(found) != 1:
        listed = ", ".join(f"{key} ({name})" for key, name in rows)
        raise WrongUse(f"{len(found) or 'No'} {kind}s are called '{wanted}'.", f"Known: {listed or 'none'}.")
    return Scope(kind, *found[0])


def _windows(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The newest landed window of each stream that the publication rests on."""
    return [
        {"source": source, "stream": stream, **window}
        for source, about in manifest["sources"].items()
        for stream, window in about["streams"].items()
    ]


def _closed(connection: duckdb.DuckDBPyConnection, month: date) -> dict[str, Any] | None:
    rows = rows_of(
        connection,
        f"""select revision, file, sha256, known_at, frozen_at, frozen_by, is_late, method_version, code_version
            from meta.frozen_vintages where is_latest and month_end = last_day(date '{month}')""",
    )
    return rows[0] if rows else None


def _waivers(connection: duckdb.DuckDBPyConnection, month: date) -> list[dict[str, Any]]:
    return rows_of(
        connection,
        f"""select "check", reason, signed_by, signed_at, expires_on from meta.forecast_waivers
            where month_end = last_day(date '{month}') order by signed_at""",
    )


def _restatements(connection: duckdb.DuckDBPyConnection, month: date, scope: Scope) -> dict[str, Any]:
    """What moved the closed figure since, by cause and deal; it sums to now less at close."""
    closed = connection.execute(
        """select won_amount_at_close_of_month, restated_amount from marts.actual_revenue_monthly
           where month = ? and segment_type = ? and segment = ?""",
        [month, scope.type, scope.key],
    ).fetchone() or (None, None)
    rows = rows_of(
        connection,
        f"""select cause, deal_key, deal_name, r.amount, detected_at, source_url
            from marts.forecast_restatements as r left join marts.dim_deals using (deal_key)
            where month = date '{month}' and segment_type = '{scope.type}' and segment = {_quoted(scope.key)}
            order by abs(r.amount) desc, deal_key, cause""",
    )
    return {"at_close": closed[0], "change": closed[1], "by_deal": rows}


def _said_before(settings: Settings, figure: Figure, month: date, scope: Scope) -> list[dict[str, Any]]:
    """What the publications that are kept said, oldest first; those that have no such figure are left out."""
    home, told = Home(settings.home), []
    for manifest in releases(home):
        file: Path = home.published / "releases" / manifest["id"] / "funnel.duckdb"
        try:
            with duckdb.connect(str(file), read_only=True) as connection:
                value = value_of(connection, figure, month, scope)
        except (duckdb.Error, WrongUse):
            continue
        told.append({"id": manifest["id"], "as_of": datetime.fromisoformat(manifest["as_of"]), "figure": value})
    return told


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

"""What the present funnel.yml would change of what is published: pipelines, categories of stages, deal types, teams.

By the definitions of the dbt project (macros), over the published deals and what the warehouse knows of stages and
owners; nothing is built. Deals are those that stand there now, amounts in the reporting currency of the publication.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from ingestion.meaning import configured_teams
from ingestion.settings import Settings
from orchestration.home import Home
from orchestration.macros import Macros
from orchestration.warehouse import rows_of

BUSY = "a run is writing the warehouse: what funnel.yml would change is told when it has ended"
OLDER = "published by another release: what funnel.yml would change is told after the next run"
SUMS = "count(d.deal_key) as deals, coalesce(sum(d.amount_reporting), 0) as amount"


def changes(settings: Settings) -> dict[str, Any]:
    """{"changes": [{kind, key, name, before, after, deals, amount}], "note": why there are none to tell, or None}."""
    home = Home(settings.home)
    published = (home.published / "current" / "funnel.duckdb").resolve()
    if not published.exists() or not home.warehouse.exists():
        return {"changes": [], "note": None}
    try:
        with _both(published, home.warehouse) as connection:
            _configure(connection, settings)
            macros = Macros(settings.config)
            parts = (_pipelines(macros), _stages(macros), _deal_types(macros), TEAMS)
            return {"changes": [row for sql in parts for row in rows_of(connection, sql)], "note": None}
    except duckdb.IOException:
        return {"changes": [], "note": BUSY}
    except duckdb.Error:
        return {"changes": [], "note": OLDER}


def text(found: dict[str, Any], currency: str) -> list[str]:
    """The same for people."""
    title = "What the present funnel.yml would change of what is published (deals that stand there now):"
    if found["note"]:
        return ["", found["note"]]
    lines = [
        f"  {row['kind']:<10} {row['name']} ({row['key']}): {row['before']} → {row['after']}   "
        f"{row['deals']:,} deals, {row['amount']:,.2f} {currency}"
        for row in found["changes"]
    ]
    return ["", title, *(lines or ["  nothing"])]


@contextmanager
def _both(published: Path, warehouse: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        for name, path in (("published", published), ("warehouse", warehouse)):
            connection.execute(f"attach '{str(path).replace(chr(39), chr(39) * 2)}' as {name} (read_only)")
        yield connection


def _configure(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """What funnel.yml says now, beside what it said when the warehouse was built; the published deals that count."""
    tables: dict[str, tuple[str, Sequence[tuple[Any, ...]]]] = {
        "given_stages": (
            "source varchar, pipeline_id varchar, stage_id varchar, stage_category varchar",
            [
                (source, pipeline, stage, category)
                for source, pipelines in settings.config.stages.items()
                for pipeline, stages in pipelines.items()
                for stage, category in stages.items()
            ],
        ),
        "given_teams": (
            "source varchar, source_owner_id varchar, valid_from date, team_name varchar",
            configured_teams(settings.config.teams),
        ),
    }
    for name, (columns, rows) in tables.items():
        connection.execute(f"create table {name} ({columns})")
        if rows:
            connection.executemany(f"insert into {name} values ({', '.join('?' * len(rows[0]))})", rows)
    zone = settings.config.reporting_timezone
    connection.execute(
        f"""create table clock as
            select cast((as_of - interval '1 microsecond') at time zone '{zone}' as date) as day
            from published.meta.publications order by finished desc limit 1;
            create view deals as from published.marts.dim_deals where not is_deleted"""
    )


def _pipelines(macros: Macros) -> str:
    """Pipelines that come into the marts or leave them. Deals of one that comes are in the warehouse alone."""
    after = macros.is_included("p.pipeline_key")
    return f"""
        select 'pipeline' as kind, p.pipeline_key as key, p.pipeline_name as name,
            case when p.is_included then 'counts' else 'left out' end as before,
            case when {after} then 'counts' else 'left out' end as after, {SUMS}
        from published.marts.dim_pipelines as p
        left join deals as d on p.pipeline_key = d.pipeline_key
        where p.is_included <> {after}
        group by all order by key"""


def _stages(macros: Macros) -> str:
    """Stages of another category, in pipelines that count before and after."""
    category = macros.decided_category("given.stage_category", "map.stage_category", "listed")
    included = macros.is_included("s.pipeline_key")
    return f"""
        with listed as (
            select s.stage_key, s.pipeline_key, coalesce(l.is_won, false) as is_won,
                coalesce(l.is_lost, false) as is_lost, coalesce(l.inferred_category, 'unknown') as inferred_category
            from published.marts.dim_stages as s
            left join warehouse.intermediate.int_stage_listings as l on s.stage_key = l.stage_key and l.is_latest
        ), decided as (
            select listed.stage_key, {category} as after
            from listed
            left join given_stages as given
                on listed.stage_key = {macros.stage_key("given.source", "given.pipeline_id", "given.stage_id")}
            left join warehouse.staging.stage_map as map
                on listed.stage_key = {macros.stage_key("map.source", "map.pipeline_id", "map.stage_id")}
                and {macros.is_in_force("map", "(select day from clock)")}
        )
        select 'stage' as kind, s.stage_key as key, p.pipeline_name || ' / ' || s.stage_name as name,
            s.stage_category as before, decided.after, {SUMS}
        from published.marts.dim_stages as s
        inner join decided on s.stage_key = decided.stage_key
        inner join published.marts.dim_pipelines as p on s.pipeline_key = p.pipeline_key
        left join deals as d on s.stage_key = d.stage_key
        where s.stage_category <> decided.after and p.is_included and {included}
        group by all order by key"""


def _deal_types(macros: Macros) -> str:
    """Kinds of deals by pipeline, by the CRM's word in force; of pipelines that stay."""
    renewal = macros.is_renewal_pipeline("p.pipeline_key", "p.pipeline_name")
    after = macros.deal_type_of("words.given", renewal, "d.pipeline_key", "d.source")
    return f"""
        with words as (
            select deal_key, nullif(max_by(coalesce(new_value, ''), (effective_at, sequence)), '') as given
            from published.marts.fct_deal_events where field = 'deal_type' group by 1
        ), decided as (
            select d.*, p.pipeline_name, {after} as after
            from deals as d
            left join published.marts.dim_pipelines as p on d.pipeline_key = p.pipeline_key
            left join words on d.deal_key = words.deal_key
            where coalesce({macros.is_included("d.pipeline_key")}, true)
        )
        select 'deal type' as kind, pipeline_key as key, pipeline_name as name, deal_type as before, after, {SUMS}
        from decided as d
        where deal_type <> after
        group by all order by key, before, after"""


TEAMS = f"""
    with now as (
        select source || ':' || replace(source_owner_id, ':', '%3A') as owner_key,
            max_by(team_name, coalesce(valid_from, date '0001-01-01'))
                filter (where valid_from is null or valid_from <= (select day from clock)) as team_name,
            hash(list((valid_from, team_name) order by valid_from)) as given
        from given_teams group by source, source_owner_id
    ), built as (
        select source || ':' || replace(source_owner_id, ':', '%3A') as owner_key,
            hash(list((valid_from, team_name) order by valid_from)) as given
        from warehouse.meta.configured_teams group by source, source_owner_id
    ), owners as (
        select o.owner_key, o.owner_name, coalesce(before.team_name, 'no team') as before,
            coalesce(now.team_name, crm.team_name, 'no team') as after,
            now.given is distinct from built.given as is_given_anew
        from published.marts.dim_owners as o
        left join published.marts.dim_teams as before on o.team_key = before.team_key
        left join warehouse.intermediate.int_owners as told on o.owner_key = told.owner_key
        left join warehouse.intermediate.int_teams as crm on told.team_key = crm.team_key
        left join now on o.owner_key = now.owner_key
        left join built on o.owner_key = built.owner_key
    )
    select 'team' as kind, o.owner_key as key, o.owner_name as name, o.before,
        o.after || case when o.before = o.after then ' (from another day on)' else '' end as after, {SUMS}
    from owners as o
    left join deals as d on o.owner_key = d.owner_key
    where o.before <> o.after or o.is_given_anew
    group by all order by key"""

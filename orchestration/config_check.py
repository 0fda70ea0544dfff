"""What of funnel.yml only the warehouse can tell to be wrong: connections, pipelines and stages that nobody ever saw.

Before the first build nothing is known and nothing is refused. A retired pipeline or stage is known for good.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ingestion.config import line_of
from ingestion.errors import ConfigError
from ingestion.settings import Settings
from orchestration import warehouse
from orchestration.keys import ids_of, key_of

SHOWN = 8
Place = tuple[str | int, ...]
"""Keys, and of lists indices, that lead to a setting of funnel.yml."""
KNOWN = """select 'pipelines' as kind, source, pipeline_key as key, pipeline_name as name from marts.dim_pipelines
    union all select 'stages', source, stage_key, stage_name from marts.dim_stages
    union all select 'owners', source, owner_key, owner_name from marts.dim_owners order by 1, 2, 3"""


def check_config(settings: Settings) -> None:
    """Errors: ConfigError with the line of the first setting that names what is not there."""
    rows = _known(settings)
    for location, kind, key, choice in _named(settings):
        known = {row["key"]: row["name"] for row in rows if row["kind"] == kind and row["source"] == location[1]}
        if key not in known and known:
            ids = {ids_of(name)[-1]: label for name, label in known.items() if name.startswith(choice)}
            named = f" {ids_of(key)[-1]}" if isinstance(location[-1], int) else ""
            raise _wrong(settings, location, f"there is no such {kind.removesuffix('s')}{named}", ids)


def check_connections(settings: Settings) -> None:
    """Errors: ConfigError with the line of a connection that is neither configured nor in the warehouse."""
    config, names = settings.config, {connection.name for connection in settings.connections}
    by_section: dict[str, Mapping[str, Any]] = {
        "stages": config.stages,
        "stages_confirmed": config.stages_confirmed,
        "properties": config.properties,
        "amount_property": config.amount_property,
        "stall_days": config.stall_days,
        "pipelines": dict.fromkeys(config.pipelines),
        "deal_types": dict.fromkeys(config.deal_types),
        "teams": config.teams,
        "home_currency": config.home_currency,
        "staleness_hours": {name: hours for name, hours in config.staleness_hours.items() if name != "default"},
    }
    strange = [(section, name) for section, given in by_section.items() for name in given if name not in names]
    if strange and (unknown := [place for place in strange if place[1] not in _loaded(settings)]):
        raise _wrong(settings, unknown[0], "there is no such connection", dict.fromkeys(sorted(names)))


def _named(settings: Settings) -> Iterator[tuple[Place, str, str, str]]:
    """(place in funnel.yml, pipelines or stages, key of what it names, how keys to choose from begin)."""
    config = settings.config
    pipelines: dict[str, Mapping[str, Mapping[str, Any]]] = {
        "stages": config.stages,
        "stages_confirmed": config.stages_confirmed,
        "amount_property": config.amount_property,
        "stall_days": config.stall_days,
    }
    for section, sources in pipelines.items():
        for source, given in sources.items():
            for pipeline in given:
                if (section, pipeline) != ("amount_property", "default"):
                    yield (section, source, pipeline), "pipelines", key_of(source, pipeline), f"{source}:"
    for source, ids in config.pipelines.items():
        for index, pipeline in enumerate(ids):
            yield ("pipelines", source, index), "pipelines", key_of(source, pipeline), f"{source}:"
    for source, types in config.deal_types.items():
        for pipeline in types.pipelines:
            of_type = ("deal_types", source, "pipelines", pipeline)
            yield of_type, "pipelines", key_of(source, pipeline), f"{source}:"
    for source, owners in config.teams.items():
        for owner in owners:
            yield ("teams", source, owner), "owners", key_of(source, owner), f"{source}:"
    by_stage: dict[str, Mapping[str, Mapping[str, Mapping[str, Any]]]] = {
        "stages": config.stages,
        "stall_days": config.stall_days,
    }
    for section, by_source in by_stage.items():
        for source, by_pipeline in by_source.items():
            for pipeline, stages in by_pipeline.items():
                for stage in stages:
                    begins = f"{key_of(source, pipeline)}:"
                    yield (section, source, pipeline, stage), "stages", key_of(source, pipeline, stage), begins


def _known(settings: Settings) -> list[dict[str, Any]]:
    if not settings.warehouse.exists():
        return []
    with warehouse.connect(settings.warehouse, read_only=True) as connection:
        built = all(
            warehouse.exists(connection, f"marts.{name}") for name in ("dim_pipelines", "dim_stages", "dim_owners")
        )
        return warehouse.rows_of(connection, KNOWN) if built else []


def _loaded(settings: Settings) -> Collection[str]:
    """Connections that the warehouse has anything of."""
    if not settings.warehouse.exists():
        return ()
    with warehouse.connect(settings.warehouse, read_only=True) as connection:
        if not warehouse.exists(connection, "raw._windows"):
            return ()
        return {row["source"] for row in warehouse.rows_of(connection, "select distinct source from raw._windows")}


def _wrong(settings: Settings, location: Place, reason: str, known: Mapping[str, str | None]) -> ConfigError:
    path = settings.home / "funnel.yml"
    where = f"{path.name} line {line_of(path, location)}" if path.exists() else path.name
    texts = [f"{key} ({name})" if name else key for key, name in known.items()]
    more = f" and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return ConfigError(f"{where}: {'.'.join(map(str, location))}: {reason}. Known: {', '.join(texts[:SHOWN])}{more}.")

"""`pipelines`, `deal_types` and `teams` in funnel.yml: which deals count, as what, and for whose team."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from ingestion.properties import Misplaced

DealType = Literal["new_business", "upsell", "renewal", "other"]
EVER = date.min
"""Since when a team holds that is given without a day."""

ConfiguredTeam = tuple[str, str, date | None, str]


class DealTypesOf(BaseModel):
    """What a connection's deals are. A word of the CRM (upper and lower case alike) goes before the pipeline; what
    neither names is told by the CRM's usual words and by pipelines that are called renewals.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    values: dict[str, DealType] = {}
    """{the CRM's deal type: what it means}."""
    pipelines: dict[str, DealType] = {}
    """{pipeline id: what its deals are}."""


def _some(value: dict[str, list[str]]) -> dict[str, list[str]]:
    for source, ids in value.items():
        if not ids:
            raise Misplaced(
                (source,), "an empty list would leave out every deal; leave the setting out for all pipelines"
            )
        if twice := next((name for name in ids if ids.count(name) > 1), None):
            raise Misplaced((source,), f"{twice} is named twice")
    return value


def _one_spelling(value: dict[str, DealTypesOf]) -> dict[str, DealTypesOf]:
    for source, given in value.items():
        seen: dict[str, str] = {}
        for name in given.values:
            if (other := seen.setdefault(name.strip().lower(), name)) != name:
                raise Misplaced((source, "values", name), f"is the same word as {other}")
    return value


def _since_ever(value: Any) -> Any:
    return {EVER: value} if isinstance(value, str) else value


def _days(value: dict[date, str]) -> dict[date, str]:
    for team in value.values():
        if not team.strip():
            raise ValueError("a team needs a name")
    return value


Pipelines = Annotated[dict[str, list[str]], AfterValidator(_some)]
"""{connection: ids of the pipelines whose deals count}; a connection that is not named: all."""
DealTypes = Annotated[dict[str, DealTypesOf], AfterValidator(_one_spelling)]
TeamsOfOwner = Annotated[dict[date, str], BeforeValidator(_since_ever), AfterValidator(_days)]
Teams = dict[str, dict[str, TeamsOfOwner]]
"""{connection: {owner id: {first day: team}}}; before the first day the CRM's own team holds."""


def meanings_for_models(pipelines: Pipelines, deal_types: DealTypes) -> dict[str, Any]:
    """As variables of dbt: `included_pipelines` and `configured_deal_types`, words of the CRM in lower case."""
    return {
        "included_pipelines": {source: list(ids) for source, ids in pipelines.items()},
        "configured_deal_types": {
            source: {
                "values": {name.strip().lower(): meaning for name, meaning in given.values.items()},
                "pipelines": dict(given.pipelines),
            }
            for source, given in deal_types.items()
        },
    }


def configured_teams(teams: Teams) -> list[ConfiguredTeam]:
    """(connection, owner id, first day in the reporting time zone or None, team)."""
    return [
        (source, owner, None if day == EVER else _day(day), team.strip())
        for source, owners in teams.items()
        for owner, spans in owners.items()
        for day, team in sorted(spans.items())
    ]


def _day(day: date) -> date:
    return day.date() if isinstance(day, datetime) else day

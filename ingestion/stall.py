"""`stall` and `stall_days` in funnel.yml: when an open deal has stood too long, and what else makes it a risk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, field_validator

from ingestion.properties import Misplaced

Threshold = tuple[str, str | None, str | None, str | None, float]


class Stall(BaseModel):
    """What holds for all stages. A stage without days of its own stalls after `factor` times the 75th percentile."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    factor: float = 1.0
    inactive_days: float = 14
    pushes: int = 2
    """Moves of the close date to a later month from which on a deal is a risk."""

    @field_validator("factor", "inactive_days", "pushes")
    @classmethod
    def _positive(cls, value: float) -> float:
        if not 0 < value < float("inf"):
            raise ValueError(f"{value:g} is not a positive number")
        return value


def _checked(given: dict[str, dict[str, dict[str, float]]]) -> dict[str, dict[str, dict[str, float]]]:
    for place, days in _places(given):
        if not 0 < days < float("inf"):
            raise Misplaced(place, f"{days:g} is not a positive number of days")
    return given


StallDays = Annotated[dict[str, dict[str, dict[str, float]]], AfterValidator(_checked)]
"""{connection: {pipeline id: {stage id: days}}}."""


def thresholds(stall: Stall, days: StallDays) -> list[Threshold]:
    """(name, connection, pipeline id, stage id, value); the ids are null in what holds for all stages."""
    general = {"factor": stall.factor, "inactive_days": stall.inactive_days, "pushes": float(stall.pushes)}
    return [
        *((name, None, None, None, value) for name, value in general.items()),
        *(("days", *place, value) for place, value in _places(days)),
    ]


def _places(days: dict[str, dict[str, dict[str, float]]]) -> Iterator[tuple[tuple[str, str, str], float]]:
    for source, pipelines in days.items():
        for pipeline, stages in pipelines.items():
            for stage, value in stages.items():
                yield (source, pipeline, stage), value

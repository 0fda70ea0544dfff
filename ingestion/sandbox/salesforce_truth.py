"""What must be found of the Salesforce org's opportunities: written_truth.py in Salesforce's names (salesforce_ids.py).

transitions(world, as_of=ISO)   deals(world, as_of=ISO)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ingestion.sandbox import written_truth
from ingestion.sandbox.salesforce_ids import MASTER, record_types, sf_id, stage_names
from ingestion.sandbox.world import World
from ingestion.sandbox.written_truth import Names, Row

_KEYS = {"deal_id": "opportunity_id", "pipeline_id": "record_type_id"}


def names(world: World) -> Names:
    stages, types = stage_names(world.catalog), record_types(world.catalog)
    return Names(
        deal=lambda id: sf_id("Opportunity", id),
        stage=lambda stage: stages.get(stage, stage),
        pipeline=lambda pipeline, stage: types.get(pipeline or "") or MASTER,
        owner=lambda owner: sf_id("User", owner),
    )


def transitions(world: World, as_of: str | int | None = None, **org: Any) -> Iterator[Row]:
    """Stays of opportunities in a stage: opportunity id, stage ApiName, entered_at, in order; neighbours differ."""
    return map(_renamed, written_truth.transitions(world, names(world), as_of, **org))


def deals(world: World, as_of: str | int | None = None, **org: Any) -> Iterator[Row]:
    """Opportunities that existed before `as_of`, with what had been written of them by then."""
    return map(_renamed, written_truth.deals(world, names(world), as_of, **org))


def _renamed(row: Row) -> Row:
    return {_KEYS.get(name, name): value for name, value in row.items()}

"""HubSpot's wire shapes of what the portal is configured with: pipelines with stages, owners with teams."""

from __future__ import annotations

from typing import Any

from ingestion.sandbox.model import iso
from ingestion.sandbox.world import World


def pipeline_shapes(world: World, kind: str) -> list[dict[str, Any]]:
    """Pipelines with the stages listed now; a retired stage is simply absent."""
    now = world.now
    shapes = []
    for order, pipeline in enumerate(world.catalog.pipelines[kind]):
        stages = [
            {
                "id": stage.id,
                "label": stage.label(now),
                "displayOrder": place,
                "metadata": {"isClosed": str(stage.closed).lower(), "probability": stage.probability},
                "createdAt": iso(stage.born),
                "updatedAt": iso(stage.touched(now)),
                "archived": False,
                "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
            }
            for place, stage in enumerate(pipeline.listed(now))
        ]
        born = iso(pipeline.born)
        updated = max([born, *(stage["updatedAt"] for stage in stages)])  # type: ignore[type-var]
        shapes.append(
            {
                "id": pipeline.id,
                "label": pipeline.label,
                "displayOrder": order,
                "stages": stages,
                "createdAt": born,
                "updatedAt": updated,
                "archived": False,
            }
        )
    return shapes


def owner_shapes(world: World, archived: bool) -> list[dict[str, Any]]:
    """Owners live or archived; an archived one has no userId any more."""
    now, shapes = world.now, []
    for owner in world.catalog.owners:
        if owner.born > now or (owner.gone <= now) != archived:
            continue
        team = owner.team(now)
        shape: dict[str, Any] = {
            "id": str(owner.id),
            "email": f"owner{owner.id}@example.com",
            "type": "PERSON",
            "firstName": owner.first,
            "lastName": owner.last,
            "userIdIncludingInactive": owner.user,
            "createdAt": iso(owner.born),
            "updatedAt": iso(owner.touched(now)),
            "archived": archived,
            "teams": [{"id": team, "name": world.catalog.team_names[team], "primary": True}],
        }
        if not archived:
            shape["userId"] = owner.user
        shapes.append(shape)
    return sorted(shapes, key=lambda shape: int(shape["id"]))

"""HubSpot's wire shapes of what the portal is configured with: pipelines with stages, owners with teams."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ingestion.sandbox.catalog import Owner
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


def goal_shapes(world: World) -> list[dict[str, Any]]:
    """A sales quota a month of this year for every owner who is there now, in the home currency."""
    year = datetime.fromtimestamp(world.now / 1000, UTC).year
    owners = [owner for owner in world.catalog.owners if owner.born <= world.now < owner.gone]
    return [
        goal(owner.id * 10_000 + (year % 100) * 100 + month, owner, year, month, 20_000 + owner.id % 7 * 2_500)
        for owner in owners
        for month in range(1, 13)
    ]


def goal(id: int, owner: Owner | int, year: int, month: int, amount: float, months: int = 1) -> dict[str, Any]:
    """A goal for an owner (or an owner's id), from the first of a month for so many of them."""
    end = datetime(year + (month + months - 1) // 12, (month + months - 1) % 12 + 1, 1, tzinfo=UTC)
    begin = datetime(year, month, 1, tzinfo=UTC)
    made = f"{year - 1}-12-15T09:00:00.000Z"
    return {
        "id": str(id),
        "properties": {
            "hs_goal_name": f"Sales quota {year}",
            "hs_goal_type": "sales_quota",
            "hs_target_amount": f"{amount:.2f}",
            "hs_start_datetime": f"{begin:%Y-%m-%dT%H:%M:%SZ}",
            "hs_end_datetime": iso(int(end.timestamp() * 1000) - 1),
            "hubspot_owner_id": str(owner.id if isinstance(owner, Owner) else owner),
            "hs_createdate": made,
            "hs_lastmodifieddate": made,
        },
        "createdAt": made,
        "updatedAt": made,
        "archived": False,
    }

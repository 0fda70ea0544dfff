"""What the stand-in's org is configured with: stages, record types, lead statuses, users, queues, quotas, rates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ingestion.sandbox.behaviour import UNIT
from ingestion.sandbox.model import instant
from ingestion.sandbox.moments import second
from ingestion.sandbox.salesforce_deals import Row, day
from ingestion.sandbox.salesforce_ids import MASTER, record_types, sf_id, stage_names
from ingestion.sandbox.salesforce_people import STATUSES
from ingestion.sandbox.world import World

_OPEN_CATEGORIES = ("Pipeline", "Best Case", "Commit")


def stages(world: World) -> Iterator[Row]:
    """One global list over all pipelines; a retired stage stays in it, inactive."""
    names = stage_names(world.catalog)
    for order, (id, (_, stage, place)) in enumerate(world.catalog.deal_stages.items(), 1):
        if stage.born > world.now:
            continue
        category = {"won": "Closed", "lost": "Omitted"}.get(stage.outcome, _OPEN_CATEGORIES[min(2, place // 4)])
        touched = max([stage.touched(world.now), *([stage.gone] if stage.gone <= world.now else [])])
        yield {
            "Id": sf_id("OpportunityStage", order),
            "ApiName": names[id],
            "MasterLabel": stage.label(world.now),
            "SortOrder": order,
            "IsActive": world.now < stage.gone,
            "IsClosed": stage.closed,
            "IsWon": stage.outcome == "won",
            "DefaultProbability": Decimal(stage.probability) * 100,
            "ForecastCategoryName": category,
            "CreatedDate": second(stage.born),
            "SystemModstamp": second(touched),
        }


def record_type_infos(world: World) -> list[dict[str, Any]]:
    """recordTypeInfos of a describe: the pipelines but the first, and the master type that stands for it."""
    pipelines = world.catalog.pipelines["deals"]
    types = record_types(world.catalog)
    infos = [
        {
            "recordTypeId": types[pipeline.id], "name": pipeline.label, "developerName": f"P{pipeline.id}",
            "active": True, "available": True, "defaultRecordTypeMapping": False, "master": False,
        }
        for pipeline in pipelines[1:]
        if pipeline.born <= world.now
    ]  # fmt: skip
    master = {"recordTypeId": MASTER, "name": "Master", "developerName": "Master", "master": True}
    return [*infos, master | {"active": True, "available": True, "defaultRecordTypeMapping": True}]


def picklist(world: World, record_type: str) -> list[dict[str, Any]] | None:
    """Values of StageName under a record type, in order; None where there is no such type."""
    names, types = stage_names(world.catalog), record_types(world.catalog)
    for pipeline in world.catalog.pipelines["deals"]:
        if (types[pipeline.id] or MASTER) == record_type:
            return [
                {"label": stage.label(world.now), "value": names[stage.id], "validFor": [], "attributes": None}
                for stage in pipeline.listed(world.now)
            ]
    return None


def lead_statuses(world: World) -> Iterator[Row]:
    for place, name in enumerate(STATUSES):
        yield {
            "Id": sf_id("LeadStatus", place + 1), "ApiName": name, "MasterLabel": name, "SortOrder": place + 1,
            "IsConverted": name == STATUSES[-1], "IsDefault": place == 0, "SystemModstamp": second(world.start),
        }  # fmt: skip


def users(world: World) -> Iterator[Row]:
    """Owners, and the user that machines act as. Who left stays, inactive."""
    yield {
        "Id": sf_id("User", 1), "Name": "Automated Process", "Email": "autoproc@example.com", "IsActive": True,
        "UserRoleId": None, "UserRole.Name": None, "CreatedDate": second(world.start),
        "SystemModstamp": second(world.start),
    }  # fmt: skip
    for owner in world.catalog.owners:
        if owner.born > world.now:
            continue
        team = owner.team(world.now)
        yield {
            "Id": sf_id("User", owner.id),
            "Name": f"{owner.first} {owner.last}",
            "Email": f"owner{owner.id}@example.com",
            "IsActive": world.now < owner.gone,
            "UserRoleId": sf_id("UserRole", int(team) if team.isdigit() else 1),
            "UserRole.Name": world.catalog.team_names[team],
            "CreatedDate": second(owner.born),
            "SystemModstamp": second(owner.touched(world.now)),
        }


def groups(world: World) -> Iterator[Row]:
    """The queue that leads without an owner are in, and a group that is none."""
    for number, name, type in ((1, "Inbound leads", "Queue"), (2, "All internal users", "Organization")):
        since = second(world.start)
        yield {
            "Id": sf_id("Group", number), "Name": name, "Type": type, "CreatedDate": since, "SystemModstamp": since,
        }  # fmt: skip


def quotas(world: World) -> Iterator[Row]:
    """A quota a month of this year for every owner who is there now."""
    year = datetime.fromtimestamp(world.now / 1_000, UTC).year
    made = second(instant(f"{year - 1}-12-15T09:00:00Z"))
    for owner in world.catalog.owners:
        for month in range(1, 13) if owner.born <= world.now < owner.gone else ():
            yield {
                "Id": sf_id("ForecastingQuota", owner.id * 10_000 + (year % 100) * 100 + month),
                "QuotaOwnerId": sf_id("User", owner.id),
                "QuotaAmount": Decimal(20_000 + owner.id % 7 * 2_500),
                "QuotaQuantity": None,
                "StartDate": f"{year}-{month:02}-01",
                "CurrencyIsoCode": world.home_currency,
                "IsAmount": True,
                "CreatedDate": made,
                "SystemModstamp": made,
            }


def rates(world: World) -> Iterator[Row]:
    """Units of a currency for one of the corporate currency: a first rate for ever, a second since the start's now."""
    home = UNIT.get(world.home_currency, 1.0)
    change = day(world.start_now - 60 * 86_400_000)
    for place, (code, unit) in enumerate(UNIT.items()):
        for part, (since, until, factor) in enumerate((("1970-01-01", change, 1.0), (change, "9999-12-31", 1.02))):
            yield {
                "Id": sf_id("DatedConversionRate", place * 2 + part + 1),
                "IsoCode": code,
                "StartDate": since,
                "NextStartDate": until,
                "ConversionRate": Decimal(str(round(unit / home * (factor if code != world.home_currency else 1), 6))),
                "SystemModstamp": second(world.start),
            }


def organization(world: World) -> Iterator[Row]:
    yield {
        "Id": sf_id("Organization", world.portal_id), "Name": "Stand-in Ltd",
        "DefaultCurrencyIsoCode": world.home_currency, "TimeZoneSidKey": "Europe/Berlin",
    }  # fmt: skip

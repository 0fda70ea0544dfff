"""Opportunities of the world with their two histories, as rows of Salesforce's objects (values, not yet text).

Every change is dated by when it was written (moments.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from ingestion.sandbox import custom
from ingestion.sandbox.model import DAY, Record, Status, status
from ingestion.sandbox.moments import State, cents, decimal, second, states
from ingestion.sandbox.salesforce_ids import record_types, sf_id, stage_names
from ingestion.sandbox.world import World

Row = dict[str, Any]
Keeps = Callable[[int], bool]
Campaigns = Mapping[tuple[str, ...], str]
CLOSES_AFTER = 90 * DAY
"""Salesforce wants a close date of every opportunity: where the world has none, so long after its creation."""
SYSTEM = sf_id("User", 1)
"""Who machines act as."""
TYPES = {"newbusiness": "New Business", "existingbusiness": "Existing Business", "renewal": "Renewal"}
_CATEGORIES = {"OMIT": "Omitted", "PIPELINE": "Pipeline", "BEST_CASE": "BestCase", "COMMIT": "Forecast"}
_TRACKED = (("Owner", "OwnerId"), ("RecordType", "RecordTypeId"))


@dataclass(frozen=True)
class Moment:
    """What an opportunity says from an instant (ms, when it was written) on."""

    at: int
    by: int
    values: Row


class Deals:
    """Rows of one world as of its now. `keeps`: this org's deals; `bin_ms`: how long it keeps deleted ones."""

    def __init__(
        self, world: World, keeps: Keeps, bin_ms: int | None, campaigns: Mapping[tuple[str, ...], str]
    ) -> None:
        self.world, self.keeps, self.bin_ms, self.campaigns = world, keeps, bin_ms, campaigns
        self.stages, self.types = stage_names(world.catalog), record_types(world.catalog)
        self.users = {owner.user: owner for owner in world.catalog.owners}

    def records(self) -> Iterator[tuple[Record, Status]]:
        """Those that the org holds now, deleted ones included for as long as they are in the recycle bin."""
        for record in self.world.records("deals"):
            if self.keeps(record.id):
                found = status(record, self.world.now)
                if found.kind in ("live", "archived", "merged") and in_bin(found, self.world.now, self.bin_ms):
                    yield record, found

    def opportunities(self) -> Iterator[Row]:
        for record, found in self.records():
            moments = self.moments(record)
            last = moments[-1]
            stage_since = last.at
            for moment in reversed(moments):
                if moment.values["StageName"] != last.values["StageName"]:
                    break
                stage_since = moment.at
            account, relinked = account_of(self.world, record, self.world.now if found.kind == "live" else found.since)
            yield {
                **last.values,
                "Id": sf_id("Opportunity", record.id),
                "Name": record.own[0],
                "AccountId": account,
                "CampaignId": self.campaigns.get(campaign_of(record)),
                "LeadSource": record.fixed.get("hs_analytics_source"),
                "LastActivityDate": day(stage_since),
                "LastStageChangeDate": second(stage_since),
                "NextStep": None,
                "Industry_Segment__c": custom.segment(record.id) or None,
                "Expected_Margin__c": decimal(custom.part("expected_margin", _text(last.values["Amount"]))),
                "OwnerId": _user(last.values["OwnerId"]),
                "CreatedById": self._author(moments[0].by),
                "CreatedDate": second(record.born),
                "SystemModstamp": second(max([last.at, *relinked])),
                "IsDeleted": found.kind != "live",
            }

    def history(self) -> Iterator[Row]:
        """OpportunityHistory: a row at the creation and one an instant at which one of its four fields changed."""
        for record, found in self.records():
            before: Row = {}
            number = 0
            for moment in self.moments(record):
                now = moment.values
                if before and all(before[name] == now[name] for name in _FOLLOWED):
                    continue
                number += 1
                deleted = found.kind != "live"
                yield {
                    **{name: now[name] for name in (*_FOLLOWED, "Probability", "CurrencyIsoCode")},
                    "Id": sf_id("OpportunityHistory", record.id, number),
                    "OpportunityId": sf_id("Opportunity", record.id),
                    "PrevAmount": before.get("Amount"),
                    "PrevCloseDate": before.get("CloseDate"),
                    "CreatedById": self._author(moment.by),
                    "CreatedDate": second(moment.at),
                    "SystemModstamp": second(found.since if deleted else moment.at),
                    "IsDeleted": deleted,
                }
                before = now

    def field_history(self) -> Iterator[Row]:
        """OpportunityFieldHistory of owner and record type: two rows a change, the names and the ids."""
        labels = {self.types[pipeline.id]: pipeline.label for pipeline in self.world.catalog.pipelines["deals"]}
        owners = {owner.id: f"{owner.first} {owner.last}" for owner in self.world.catalog.owners}
        for record, found in self.records():
            number = 0
            moments = self.moments(record)
            for before, moment in pairwise(moments):
                for field, name in _TRACKED:
                    old, new = before.values[name], moment.values[name]
                    if old == new:
                        continue
                    owned = field == "Owner"
                    spelled = (
                        [(owners.get(old), owners.get(new)), (_user(old), _user(new))]
                        if owned
                        else [(labels.get(old), labels.get(new)), (old, new)]
                    )
                    for place, (told_old, told_new) in enumerate(spelled):
                        number += 1
                        yield {
                            "Id": sf_id("OpportunityFieldHistory", record.id, number),
                            "OpportunityId": sf_id("Opportunity", record.id),
                            "Field": field,
                            "OldValue": told_old,
                            "NewValue": told_new,
                            "DataType": "EntityId" if place else "Text",
                            "CreatedById": self._author(moment.by),
                            "CreatedDate": second(moment.at),
                            "IsDeleted": found.kind != "live",
                        }

    # ---- one record
    def moments(self, record: Record) -> list[Moment]:
        """Its states in order of writing, one an instant at which anything of the record was written."""
        return [Moment(state.at, state.by, self._values(record, state)) for state in states(record, self.world.now)]

    def _values(self, record: Record, state: State) -> Row:
        values = state.values
        place = self.world.catalog.deal_stages.get(values.get("dealstage", ""))
        outcome = place[1].outcome if place else "open"
        probability = Decimal(place[1].probability) * 100 if place else Decimal(0)
        stated = _CATEGORIES.get(values.get("hs_manual_forecast_category", ""), "Pipeline")
        owner = values.get("hubspot_owner_id", "")
        amount = decimal(values.get("amount"))
        return {
            "StageName": self.stages.get(values.get("dealstage", ""), values.get("dealstage")),
            "RecordTypeId": self.types.get(values.get("pipeline", "")),
            "Amount": amount,
            "CurrencyIsoCode": values.get("deal_currency_code") or self.world.home_currency,
            "Probability": probability.normalize(),
            "ExpectedRevenue": None if amount is None else cents(amount * probability / 100),
            "CloseDate": state.close[:10] if state.close else day(record.born + CLOSES_AFTER),
            "ForecastCategory": {"won": "Closed", "lost": "Omitted"}.get(outcome, stated),
            "IsClosed": outcome != "open",
            "IsWon": outcome == "won",
            "OwnerId": int(owner) if owner.isdigit() else None,
            "Type": TYPES.get(values.get("dealtype", ""), values.get("dealtype") or None),
        }

    def _author(self, by: int) -> str:
        return sf_id("User", self.users[by].id) if by in self.users else SYSTEM


_FOLLOWED = ("StageName", "Amount", "CloseDate", "ForecastCategory")


def campaign_of(record: Record) -> tuple[str, ...]:
    """What names the campaign that a record came by; empty where none does."""
    names = [record.fixed.get(f"utm_{part}", "") for part in ("source", "campaign")]
    return tuple(names) if names[1] else ()


def account_of(world: World, record: Record, now: int) -> tuple[str | None, list[int]]:
    """Id of its account at `now`, and when that became another: linked, and merged with another account."""
    links = [link for link in record.links if link[1] == "companies" and link[0] <= now]
    if not links:
        return None, []
    at, _, id = links[0]
    moved = [at]
    while (found := status(world.objects["companies"][id], now)).kind == "merged":
        id = found.survivor
        moved.append(found.since)
    return sf_id("Account", id), moved


def in_bin(found: Status, now: int, bin_ms: int | None) -> bool:
    """Whether a record is still to be had: live, or deleted less than `bin_ms` ago (None: for as long as it is)."""
    return found.kind == "live" or bin_ms is None or now - found.since < bin_ms


def day(at: int) -> str:
    """The UTC day of an instant."""
    return datetime.fromtimestamp(at / 1_000, UTC).date().isoformat()


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _user(owner: int | None) -> str | None:
    return None if owner is None else sf_id("User", owner)

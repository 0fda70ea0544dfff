"""Leads, contacts, accounts, roles and campaigns of the world, as rows of Salesforce's objects.

Every contact of the world is a lead until it is linked with a deal: then it is converted, and a contact as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

from ingestion.sandbox.model import Change, Record, Status, status
from ingestion.sandbox.moments import second
from ingestion.sandbox.salesforce_deals import Deals, Row, account_of, campaign_of, day, in_bin
from ingestion.sandbox.salesforce_ids import sf_id

STATUSES = ("Open", "Working", "Nurturing", "Qualified", "Converted")
_OF_LIFECYCLE = {
    "subscriber": "Open", "lead": "Working", "marketingqualifiedlead": "Nurturing",
    "salesqualifiedlead": "Qualified", "opportunity": "Qualified", "customer": "Qualified",
}  # fmt: skip
NO_COMPANY = "[not provided]"


@dataclass(frozen=True)
class Conversion:
    """A lead became a contact of an opportunity."""

    at: int
    deal: int


class People:
    """Rows of one world as of its now, for the deals that the org has."""

    def __init__(self, deals: Deals, everybody: bool) -> None:
        """`everybody`: the org is the whole world's; else who is linked with its deals, and a share of the rest."""
        self.deals, self.world = deals, deals.world
        self.linked = self._linked()
        self.everybody = everybody

    def _linked(self) -> dict[int, list[Conversion]]:
        """Contact → its opportunities by the instant of the link, whatever became of them."""
        found: dict[int, list[Conversion]] = defaultdict(list)
        for deal in self.world.records("deals"):
            if self.deals.keeps(deal.id) and deal.born <= self.world.now:
                for at, kind, id in deal.links:
                    if kind == "contacts" and at <= self.world.now:
                        found[id].append(Conversion(max(at, deal.born), deal.id))
        for links in found.values():
            links.sort(key=lambda link: (link.at, link.deal))
        return found

    def _records(self, kind: str) -> Iterator[tuple[Record, Status]]:
        for record in self.world.records(kind):
            if kind == "companies" or self.everybody or record.id in self.linked or self.deals.keeps(record.id):
                found = status(record, self.world.now)
                if found.kind in ("live", "archived", "merged") and in_bin(found, self.world.now, self.deals.bin_ms):
                    yield record, found

    def conversion(self, record: Record) -> Conversion | None:
        """By the first opportunity it was linked with while it was there; None where there is none yet."""
        gone = status(record, self.world.now)
        links = self.linked.get(record.id, [])
        return next((link for link in links if gone.kind == "live" or link.at < gone.since), None)

    def leads(self) -> Iterator[Row]:
        for record, found in self._records("contacts"):
            conversion = self.conversion(record)
            steps = self._steps(record, conversion)
            stamps = [record.upto(self.world.now)[-1].at, *([conversion.at] if conversion else [])]
            firm = self._company(record)
            yield {
                "Id": sf_id("Lead", record.id),
                **self._person(record),
                "Name": f"{record.own[0]} {record.own[1]}",
                "Status": steps[-1][1],
                "OwnerId": self._owner(record),
                "LeadSource": record.fixed.get("hs_analytics_source"),
                "Company": self.world.objects["companies"][firm].own[0] if firm else NO_COMPANY,
                "Phone": f"+49 30 {record.id % 10_000_000:07}",
                "IsConverted": conversion is not None,
                "ConvertedDate": day(conversion.at) if conversion else None,
                "ConvertedOpportunityId": sf_id("Opportunity", conversion.deal) if conversion else None,
                "ConvertedContactId": sf_id("Contact", record.id) if conversion else None,
                "ConvertedAccountId": sf_id("Account", firm) if conversion and firm else None,
                **self._fate("Lead", record, found, record.born, stamps),
            }

    def lead_history(self, tracked: bool) -> Iterator[Row]:
        """created, Status and ownerAssignment where the fields are tracked, leadConverted, leadMerged."""
        for record, found in self._records("contacts"):
            conversion = self.conversion(record)
            steps = self._steps(record, conversion)
            told: list[tuple[int, str, str | None, str | None]] = [(record.born, "created", None, None)]
            if tracked:
                told += [(at, "Status", old, new) for (_, old), (at, new) in pairwise(steps)]
            if conversion:
                told.append((conversion.at, "leadConverted", None, None))
            if found.kind == "merged":
                told.append((found.since, "leadMerged", None, None))
            for number, (at, field, old, new) in enumerate(sorted(told, key=lambda entry: entry[0]), 1):
                yield {
                    "Id": sf_id("LeadHistory", record.id, number),
                    "LeadId": sf_id("Lead", record.id),
                    "Field": field,
                    "OldValue": old,
                    "NewValue": new,
                    "DataType": "Text",
                    "CreatedById": sf_id("User", 1),
                    "CreatedDate": second(at),
                    "IsDeleted": found.kind != "live",
                }

    def contacts(self) -> Iterator[Row]:
        for record, found in self._records("contacts"):
            conversion = self.conversion(record)
            if conversion is None:
                continue
            account, relinked = account_of(self.world, record, self.world.now)
            stamps = [record.upto(self.world.now)[-1].at, conversion.at, *relinked]
            yield {
                "Id": sf_id("Contact", record.id),
                **self._person(record),
                "AccountId": account,
                "LeadSource": record.fixed.get("hs_analytics_source"),
                **self._fate("Contact", record, found, conversion.at, stamps),
            }

    def contact_roles(self) -> Iterator[Row]:
        """A role for each link of an opportunity that the org holds with a person who is a contact there."""
        known = {row["Id"] for row in self.contacts()}
        deals = {record.id: found for record, found in self.deals.records()}
        for id, links in self.linked.items():
            for link in links:
                if link.deal in deals and sf_id("Contact", id) in known:
                    found = deals[link.deal]
                    yield {
                        "Id": sf_id("OpportunityContactRole", link.deal, id),
                        "OpportunityId": sf_id("Opportunity", link.deal),
                        "ContactId": sf_id("Contact", id),
                        "Role": "Decision Maker",
                        "IsPrimary": self._first_contact(link.deal) == id,
                        "CreatedDate": second(link.at),
                        "SystemModstamp": second(link.at if found.kind == "live" else found.since),
                        "IsDeleted": found.kind != "live",
                    }

    def accounts(self) -> Iterator[Row]:
        for record, found in self._records("companies"):
            yield {
                "Id": sf_id("Account", record.id),
                "Name": record.own[0],
                "Industry": record.own[1],
                "BillingCountry": record.own[2],
                "Website": f"https://company{record.id}.example.com",
                **self._fate("Account", record, found, record.born, [record.upto(self.world.now)[-1].at]),
            }

    def campaigns(self) -> Iterator[Row]:
        """One a (source, campaign) that anybody came by; their costs are totals."""
        for number, (names, id) in enumerate(sorted(self.deals.campaigns.items())):
            yield {
                "Id": id, "Name": " ".join(names), "Type": "Advertisement", "Status": "In Progress", "IsActive": True,
                "StartDate": day(self.world.start), "EndDate": None, "BudgetedCost": 1_000 * (number + 1),
                "ActualCost": 900 * (number + 1), "ParentId": None, "CurrencyIsoCode": self.world.home_currency,
                "NumberOfLeads": 0, "NumberOfConvertedLeads": 0, "NumberOfOpportunities": 0,
                "AmountWonOpportunities": 0, "CreatedDate": second(self.world.start),
                "SystemModstamp": second(self.world.start), "IsDeleted": False,
            }  # fmt: skip

    def campaign_members(self) -> Iterator[Row]:
        for record, found in self._records("contacts"):
            campaign = self.deals.campaigns.get(campaign_of(record))
            if campaign is None:
                continue
            conversion = self.conversion(record)
            stamp = max(record.born, conversion.at if conversion else 0, found.since)
            yield {
                "Id": sf_id("CampaignMember", record.id),
                "CampaignId": campaign,
                "LeadId": sf_id("Lead", record.id),
                "ContactId": sf_id("Contact", record.id) if conversion else None,
                "Status": "Responded",
                "HasResponded": True,
                "FirstRespondedDate": day(record.born),
                "CreatedDate": second(record.born),
                "SystemModstamp": second(stamp),
                "IsDeleted": found.kind != "live",
            }

    # ---- help
    def _first_contact(self, deal: int) -> int:
        links = self.world.objects["deals"][deal].links
        return next(id for at, kind, id in links if kind == "contacts" and at <= self.world.now)

    def _person(self, record: Record) -> Row:
        return {
            "FirstName": record.own[0],
            "LastName": record.own[1],
            "Email": f"person{record.id}@example.com",
        }

    def _fate(self, kind: str, record: Record, found: Status, born: int, stamps: list[int]) -> Row:
        merged = found.kind == "merged"
        return {
            "MasterRecordId": sf_id(kind, found.survivor) if merged else None,
            "CreatedDate": second(born),
            "SystemModstamp": second(max(stamps)),
            "IsDeleted": found.kind != "live",
        }

    def _company(self, record: Record) -> int | None:
        return next((id for at, kind, id in record.links if kind == "companies" and at <= self.world.now), None)

    def _owner(self, record: Record) -> str:
        owner = record.value("hubspot_owner_id", self.world.now)
        return sf_id("User", int(owner)) if owner else sf_id("Group", 1)

    def _steps(self, record: Record, conversion: Conversion | None) -> list[tuple[int, str]]:
        """(written at, Status), equal neighbours collapsed; nothing moves a lead once it is converted."""
        steps: list[tuple[int, str]] = []
        held: Change | None = None
        for at, changes in groupby(record.upto(self.world.now), key=lambda change: change.at):
            for change in changes:
                if change.name == "lifecyclestage" and (held is None or change.since >= held.since):
                    held = change
            status = _OF_LIFECYCLE.get(held.value if held else "", "Open")
            if (not steps or steps[-1][1] != status) and (conversion is None or not steps or at < conversion.at):
                steps.append((at, status))
        return [*steps, (conversion.at, STATUSES[-1])] if conversion else steps


def campaigns_of(world: Any) -> dict[tuple[str, ...], str]:
    """{(source, campaign): Id of the Campaign}, over all deals and contacts of the world."""
    found = {campaign_of(record) for kind in ("deals", "contacts") for record in world.records(kind)} - {()}
    return {names: sf_id("Campaign", number) for number, names in enumerate(sorted(found), 1)}

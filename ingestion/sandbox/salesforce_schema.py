"""Objects and fields of the stand-in's Salesforce org, and the shape of a describe. Data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

MULTI_CURRENCY = "CurrencyIsoCode"
_SYSTEM = "CreatedDate: datetime; SystemModstamp: datetime*; IsDeleted: boolean*"
_OBJECTS = {
    "Opportunity": f"""Id: id; Name: string; StageName: picklist; Amount: currency; CurrencyIsoCode: picklist;
Probability: percent; CloseDate: date; IsClosed: boolean*; IsWon: boolean*; ForecastCategory: picklist*;
OwnerId: reference; AccountId: reference; CampaignId: reference; LeadSource: picklist; RecordTypeId: reference;
Type: picklist; NextStep: string; LastActivityDate: date*; LastStageChangeDate: datetime*;
ExpectedRevenue: currency*; Industry_Segment__c: picklist; Expected_Margin__c: currency;
CreatedById: reference; {_SYSTEM}""",
    "OpportunityHistory": f"""Id: id; OpportunityId: reference; StageName: picklist; Amount: currency;
Probability: percent; CloseDate: date; ForecastCategory: picklist; PrevAmount: currency; PrevCloseDate: date;
CurrencyIsoCode: picklist; CreatedById: reference; {_SYSTEM}""",
    "OpportunityFieldHistory": """Id: id; OpportunityId: reference; Field: picklist; OldValue: anyType;
NewValue: anyType; DataType: picklist; CreatedById: reference; CreatedDate: datetime; IsDeleted: boolean*""",
    "Lead": f"""Id: id; Name: string; FirstName: string; LastName: string; Status: picklist; OwnerId: reference;
LeadSource: picklist; Company: string; Email: email; Phone: phone; IsConverted: boolean; ConvertedDate: date;
ConvertedOpportunityId: reference; ConvertedContactId: reference; ConvertedAccountId: reference;
MasterRecordId: reference; {_SYSTEM}""",
    "LeadHistory": """Id: id; LeadId: reference; Field: picklist; OldValue: anyType; NewValue: anyType;
DataType: picklist; CreatedById: reference; CreatedDate: datetime; IsDeleted: boolean*""",
    "Account": f"""Id: id; Name: string; Industry: picklist; BillingCountry: string; Website: url;
MasterRecordId: reference; {_SYSTEM}""",
    "Contact": f"""Id: id; AccountId: reference; Email: email; FirstName: string; LastName: string;
LeadSource: picklist; MasterRecordId: reference; {_SYSTEM}""",
    "OpportunityContactRole": f"""Id: id; OpportunityId: reference; ContactId: reference; Role: picklist;
IsPrimary: boolean; {_SYSTEM}""",
    "OpportunityStage": """Id: id; ApiName: string; MasterLabel: string; SortOrder: int; IsActive: boolean;
IsClosed: boolean; IsWon: boolean; DefaultProbability: percent; ForecastCategoryName: picklist;
CreatedDate: datetime; SystemModstamp: datetime*""",
    "LeadStatus": """Id: id; ApiName: string; MasterLabel: string; SortOrder: int; IsConverted: boolean;
IsDefault: boolean; SystemModstamp: datetime*""",
    "User": """Id: id; Name: string; Email: email; IsActive: boolean; UserRoleId: reference; UserRole.Name: string;
CreatedDate: datetime; SystemModstamp: datetime*""",
    "Group": "Id: id; Name: string; Type: picklist; CreatedDate: datetime; SystemModstamp: datetime*",
    "Campaign": f"""Id: id; Name: string; Type: picklist; Status: picklist; IsActive: boolean; StartDate: date;
EndDate: date; BudgetedCost: currency; ActualCost: currency; ParentId: reference; NumberOfLeads: int*;
NumberOfConvertedLeads: int*; NumberOfOpportunities: int*; AmountWonOpportunities: currency*;
CurrencyIsoCode: picklist; {_SYSTEM}""",
    "CampaignMember": f"""Id: id; CampaignId: reference; LeadId: reference; ContactId: reference; Status: picklist;
HasResponded: boolean; FirstRespondedDate: date; {_SYSTEM}""",
    "ForecastingQuota": """Id: id; QuotaOwnerId: reference; QuotaAmount: currency; QuotaQuantity: double;
StartDate: date; CurrencyIsoCode: picklist; IsAmount: boolean; CreatedDate: datetime; SystemModstamp: datetime*""",
    "DatedConversionRate": """Id: id; IsoCode: picklist; StartDate: date; NextStartDate: date;
ConversionRate: double; SystemModstamp: datetime*""",
    "Organization": "Id: id; Name: string; DefaultCurrencyIsoCode: picklist; TimeZoneSidKey: picklist",
}


def _parse(text: str) -> dict[str, tuple[str, bool]]:
    pairs = (entry.strip().partition(": ") for entry in text.replace("\n", " ").split(";"))
    return {name: (type.rstrip("*"), type.endswith("*")) for name, _, type in pairs}


SCHEMA = {name: _parse(text) for name, text in _OBJECTS.items()}
"""{object: {field: (type, calculated)}}; `X.Y` is a field of the object that X leads to."""


def types(sobject: str, hidden: Iterable[str]) -> dict[str, str]:
    """{field: type} of an object without fields that are hidden."""
    gone = set(hidden)
    return {name: type for name, (type, _) in SCHEMA[sobject].items() if name not in gone}


def described(sobject: str, hidden: Iterable[str], infos: list[dict[str, Any]]) -> dict[str, Any]:
    """A describe's answer, with what is looked at of it."""
    fields = [
        {
            "name": name, "label": name.removesuffix("__c").replace("_", " "), "type": type,
            "calculated": SCHEMA[sobject][name][1], "custom": name.endswith("__c"), "nillable": name != "Id",
            "filterable": type != "anyType", "picklistValues": [],
        }
        for name, type in types(sobject, hidden).items()
        if "." not in name
    ]  # fmt: skip
    return {"name": sobject, "queryable": True, "fields": fields, "recordTypeInfos": infos}

"""What funnel asks of each Salesforce object: fields that must be there, that may be, and its date.

Fields are held against describe before they are asked for: no `SELECT *`, and a field that the run-as user may not see
is an error in a query. `CurrencyIsoCode` is there in orgs of several currencies only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

STAMP, CREATED = "SystemModstamp", "CreatedDate"
MASTER_RECORD_TYPE = "012000000000000AAA"
"""What describe calls the record type of records that have none."""
DEALS, LEADS, COMPANIES = "deals", "leads", "companies"


@dataclass(frozen=True)
class ObjectSpec:
    """One object and its stream. `cursor`: the date by which what is new is found; None: read whole at every sync."""

    stream: str
    sobject: str
    description: str
    required: tuple[str, ...]
    wanted: tuple[str, ...] = ()
    """Gone without where the org or the user does not have them."""
    cursor: str | None = STAMP
    optional: bool = False
    where: str = ""
    counted_as: str = ""
    """Object name in absences and source_counts: it is compared with the source as a whole, by ids and by counts."""
    personal: Mapping[str, str] | None = None

    @property
    def permission(self) -> str:
        """What the run-as user needs, in the words of Salesforce's set-up."""
        return f"Read and View All on {self.sobject}"

    @property
    def has_deleted(self) -> bool:
        """Whether records that were deleted, and histories of such, are read too (queryAll)."""
        return self.cursor is not None

    def asking(self, names: tuple[str, ...]) -> ObjectSpec:
        """The same with more fields that it would like."""
        return replace(self, wanted=self.wanted + tuple(name for name in names if name not in self.required))


_CHANGED = (CREATED, STAMP, "IsDeleted")
OPPORTUNITIES = ObjectSpec(
    "opportunities", "Opportunity", "Opportunities, deleted ones too",
    ("Id", "Name", "StageName", "Amount", "CloseDate", "IsClosed", "IsWon", "OwnerId", *_CHANGED),
    ("CurrencyIsoCode", "Probability", "ForecastCategory", "AccountId", "CampaignId", "LeadSource", "RecordTypeId",
     "LastStageChangeDate", "Type", "NextStep", "LastActivityDate"),
    counted_as=DEALS,
)  # fmt: skip
OPPORTUNITY_HISTORY = ObjectSpec(
    "opportunity_history", "OpportunityHistory", "A row at creation and at each change of stage, amount, close date",
    ("Id", "OpportunityId", "StageName", "Amount", "CloseDate", *_CHANGED),
    ("Probability", "ForecastCategory", "PrevAmount", "PrevCloseDate", "CreatedById", "CurrencyIsoCode"),
)  # fmt: skip
FIELD_HISTORY = ObjectSpec(
    "opportunity_field_history", "OpportunityFieldHistory", "Changes of owner, record type and fields of funnel.yml",
    ("Id", "OpportunityId", "Field", "OldValue", "NewValue", CREATED),
    ("DataType", "CreatedById", "IsDeleted"),
    cursor=CREATED, optional=True,
)  # fmt: skip
LEADS_SPEC = ObjectSpec(
    "leads", "Lead", "Leads without their names; e-mail as a keyed hash",
    ("Id", "Status", "OwnerId", "IsConverted", *_CHANGED),
    ("LeadSource", "Company", "Email", "ConvertedDate", "ConvertedOpportunityId", "ConvertedContactId",
     "ConvertedAccountId", "MasterRecordId"),
    counted_as=LEADS, personal={"Email": "email_hash"},
)  # fmt: skip
LEAD_HISTORY = ObjectSpec(
    "lead_history", "LeadHistory", "Creation, conversion, merges; status and owner where they are tracked",
    ("Id", "LeadId", "Field", "OldValue", "NewValue", CREATED),
    ("CreatedById", "IsDeleted"),
    cursor=CREATED, optional=True,
    # Never the history of names, addresses and numbers: their values are personal.
    where="Field IN ('created', 'Status', 'leadConverted', 'leadMerged', 'ownerAssignment', 'Owner', 'LeadSource')",
)  # fmt: skip
ACCOUNTS = ObjectSpec(
    "accounts", "Account", "Accounts; website as a keyed hash",
    ("Id", "Name", *_CHANGED), ("Industry", "BillingCountry", "Website", "MasterRecordId"),
    counted_as=COMPANIES, personal={"Website": "domain_hash"},
)  # fmt: skip
CONTACTS = ObjectSpec(
    "contacts", "Contact", "Contacts without their names; e-mail as a keyed hash",
    ("Id", *_CHANGED), ("AccountId", "Email", "MasterRecordId", "LeadSource"), personal={"Email": "email_hash"},
)  # fmt: skip
CONTACT_ROLES = ObjectSpec(
    "contact_roles", "OpportunityContactRole", "Contacts of each opportunity",
    ("Id", "OpportunityId", "ContactId", *_CHANGED), ("Role", "IsPrimary"), optional=True,
)  # fmt: skip
CAMPAIGNS = ObjectSpec(
    "campaigns", "Campaign", "Campaigns with their costs so far", ("Id", "Name", *_CHANGED),
    ("Type", "Status", "IsActive", "StartDate", "EndDate", "BudgetedCost", "ActualCost", "ParentId", "NumberOfLeads",
     "NumberOfConvertedLeads", "NumberOfOpportunities", "AmountWonOpportunities", "CurrencyIsoCode"),
    optional=True,
)  # fmt: skip
CAMPAIGN_MEMBERS = ObjectSpec(
    "campaign_members", "CampaignMember", "Leads and contacts of each campaign", ("Id", "CampaignId", *_CHANGED),
    ("LeadId", "ContactId", "Status", "HasResponded", "FirstRespondedDate"), optional=True,
)  # fmt: skip
STAGES = ObjectSpec(
    "opportunity_stages", "OpportunityStage", "Stages of all pipelines, inactive ones too, whole at every sync",
    ("Id", "ApiName", "MasterLabel", "SortOrder", "IsActive", "IsClosed", "IsWon"),
    ("DefaultProbability", "ForecastCategoryName", CREATED, STAMP), cursor=None,
)  # fmt: skip
LEAD_STATUSES = ObjectSpec(
    "lead_statuses", "LeadStatus", "Statuses of leads", ("Id", "ApiName", "MasterLabel", "SortOrder", "IsConverted"),
    ("IsDefault",), cursor=None,
)  # fmt: skip
USERS = ObjectSpec(
    "users", "User", "Users, inactive ones too, and queues; e-mail as a keyed hash", ("Id", "Name", "IsActive"),
    ("Email", "UserRoleId", "UserRole.Name", CREATED), cursor=None, personal={"Email": "email_hash"},
)  # fmt: skip
QUEUES = ObjectSpec(
    "users", "Group", "", ("Id", "Name", "Type"), cursor=None, optional=True, where="Type = 'Queue'",
)  # fmt: skip
QUOTAS = ObjectSpec(
    "forecasting_quotas", "ForecastingQuota", "Quotas, where forecasting is licensed",
    ("Id", "QuotaOwnerId", "QuotaAmount", "StartDate"),
    ("QuotaQuantity", "CurrencyIsoCode", "IsAmount", CREATED, STAMP), cursor=None, optional=True,
)  # fmt: skip
RATES = ObjectSpec(
    "dated_conversion_rates", "DatedConversionRate", "Exchange rates, where the org has several currencies",
    ("Id", "IsoCode", "StartDate", "NextStartDate", "ConversionRate"), cursor=None, optional=True,
)  # fmt: skip
ORGANIZATION = ObjectSpec(
    "organization", "Organization", "The org itself: its currency and time zone", ("Id",),
    ("DefaultCurrencyIsoCode", "TimeZoneSidKey"), cursor=None,
)  # fmt: skip
FOLLOWED = (
    OPPORTUNITIES, OPPORTUNITY_HISTORY, FIELD_HISTORY, LEADS_SPEC, LEAD_HISTORY, ACCOUNTS, CONTACTS, CONTACT_ROLES,
    CAMPAIGNS, CAMPAIGN_MEMBERS,
)  # fmt: skip
WHOLE = (STAGES, LEAD_STATUSES, USERS, QUOTAS, RATES)
COUNTED = tuple(spec for spec in FOLLOWED if spec.counted_as)

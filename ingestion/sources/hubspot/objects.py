"""What funnel asks of each HubSpot object: property lists, histories, cursor property, page sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

PAGE, PAGE_WITH_HISTORY = 100, 50
"""The API's caps for lists and batch reads; 50 is enforced as soon as a history is asked for."""

_SOURCE = (
    "hs_object_source", "hs_object_source_label", "hs_object_source_id", "hs_object_source_detail_1",
    "hs_object_source_detail_2", "hs_object_source_detail_3",
)  # fmt: skip
_ORIGIN = (
    "hs_analytics_source", "hs_analytics_source_data_1", "hs_analytics_source_data_2", "hs_analytics_latest_source",
    "hs_analytics_latest_source_data_1", "hs_analytics_latest_source_data_2",
    "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content",
)  # fmt: skip


@dataclass(frozen=True)
class ObjectSpec:
    """One CRM object. `modified` is the property that its search filters by."""

    name: str
    scope: str
    modified: str
    properties: tuple[str, ...]
    history: tuple[str, ...] = ()
    associations: tuple[str, ...] = ()
    counted_as: str = ""
    """Stream that its requests count for, where that is not the object's own."""

    @property
    def stream(self) -> str:
        return self.counted_as or self.name

    def with_asked(self, asked: Mapping[str, bool]) -> ObjectSpec:
        """The same with more properties: {name: with its history?}."""
        more = tuple(name for name in asked if name not in self.properties)
        tracked = tuple(name for name, history in asked.items() if history and name not in self.history)
        return replace(self, properties=self.properties + more, history=self.history + tracked)

    @property
    def link_streams(self) -> dict[str, str]:
        """{stream of associations: the object they lead to}."""
        return {f"{self.name.removesuffix('s')}_{target}": target for target in self.associations}

    @property
    def page(self) -> int:
        return PAGE_WITH_HISTORY if self.history else PAGE


DEALS = ObjectSpec(
    name="deals",
    scope="crm.objects.deals.read",
    modified="hs_lastmodifieddate",
    properties=(
        "dealname", "dealstage", "pipeline", "amount", "deal_currency_code", "amount_in_home_currency",
        "hs_exchange_rate", "closedate", "createdate", "hs_lastmodifieddate", "hubspot_owner_id", "dealtype",
        "hs_manual_forecast_category",
        "closed_lost_reason", "closed_won_reason", "hs_is_closed_won", "hs_is_closed_lost", "hs_deal_stage_probability",
        "notes_last_contacted", "notes_next_activity_date", "hs_campaign", "hs_merged_object_ids", *_SOURCE, *_ORIGIN,
    ),
    history=(
        "dealstage", "pipeline", "amount", "deal_currency_code", "closedate", "hubspot_owner_id", "dealtype",
        "hs_manual_forecast_category", "hs_merged_object_ids",
    ),
    associations=("contacts", "companies"),
)  # fmt: skip
CONTACTS = ObjectSpec(
    name="contacts",
    scope="crm.objects.contacts.read",
    modified="lastmodifieddate",
    properties=(
        "email", "createdate", "lastmodifieddate", "lifecyclestage", "hs_lead_status", "hubspot_owner_id",
        "associatedcompanyid", "hs_latest_source", "hs_latest_source_data_1", "hs_latest_source_data_2",
        "hs_merged_object_ids", "hs_calculated_merged_vids", *_SOURCE, *_ORIGIN,
    ),
    history=("lifecyclestage", "hs_lead_status", "hubspot_owner_id"),
)  # fmt: skip
COMPANIES = ObjectSpec(
    name="companies",
    scope="crm.objects.companies.read",
    modified="hs_lastmodifieddate",
    properties=(
        "name", "domain", "industry", "country", "createdate", "hs_lastmodifieddate", "hubspot_owner_id",
        "hs_merged_object_ids",
    ),
)  # fmt: skip
LEADS = ObjectSpec(
    name="leads",
    scope="crm.objects.leads.read",
    modified="hs_lastmodifieddate",
    # No hs_lead_name: it holds a person's name.
    properties=(
        "hs_lead_type", "hs_lead_label", "hs_pipeline", "hs_pipeline_stage", "hubspot_owner_id", "hs_createdate",
        "hs_lastmodifieddate", "hs_merged_object_ids",
    ),
    history=("hs_pipeline_stage",),
)  # fmt: skip
GOALS = ObjectSpec(
    name="goal_targets",
    scope="crm.objects.goals.read",
    modified="hs_lastmodifieddate",
    # hs_goal_type `sales_quota` and periods in UTC are in HubSpot's goals guide. UNVERIFIED: which assignee is filled.
    properties=(
        "hs_goal_name", "hs_goal_type", "hs_target_amount", "hs_start_datetime", "hs_end_datetime", "hubspot_owner_id",
        "hs_assignee_user_id", "hs_assignee_team_id", "hs_created_by_user_id", "hs_createdate", "hs_lastmodifieddate",
    ),
)  # fmt: skip
"""A few hundred at most, listed whole at every sync: no object whose changes are followed."""
OBJECTS = (DEALS, CONTACTS, COMPANIES, LEADS)

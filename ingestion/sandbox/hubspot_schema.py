"""HubSpot's property definitions of the stand-in's portal. Data, and the shape of one definition on the wire."""

from __future__ import annotations

from typing import Any

from ingestion.sandbox.catalog import Catalog
from ingestion.sandbox.custom import SEGMENTS
from ingestion.sandbox.model import iso

TYPE_IDS = {"deals": "0-3", "contacts": "0-1", "companies": "0-2", "leads": "0-136"}
SINGULAR = {"deals": "deal", "contacts": "contact", "companies": "company", "leads": "lead"}
NAMES = {name: kind for kind, id in TYPE_IDS.items() for name in (kind, id, SINGULAR[kind])}
MODIFIED = {"contacts": "lastmodifieddate"}
DEFAULTS = {
    "deals": (
        "amount", "closedate", "createdate", "dealname", "dealstage", "hs_lastmodifieddate", "hs_object_id", "pipeline",
    ),
    "contacts": ("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"),
    "companies": ("createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"),
    "leads": ("hs_createdate", "hs_lastmodifieddate", "hs_object_id"),
}  # fmt: skip
ALWAYS = {
    "deals": ("createdate", "hs_lastmodifieddate", "hs_object_id"),
    "contacts": ("createdate", "hs_object_id", "lastmodifieddate"),
    "companies": ("createdate", "hs_lastmodifieddate", "hs_object_id"),
    "leads": ("hs_createdate", "hs_lastmodifieddate", "hs_object_id"),
}

# name: type/fieldType, a trailing * marks a calculated one.
_COMMON = """hs_object_id: number/number*; hs_createdate: datetime/calendar*; hs_merged_object_ids:
enumeration/checkbox*; hs_object_source: enumeration/select*; hs_object_source_label:
enumeration/select*; hs_object_source_id: string/text*;
hs_object_source_detail_1: string/text*; hs_object_source_detail_2:
string/text*; hs_object_source_detail_3: string/text*; hubspot_owner_id: enumeration/select;
utm_source: string/text; utm_medium: string/text; utm_campaign: string/text; utm_term: string/text;
utm_content: string/text; notes_last_contacted: datetime/calendar*; notes_next_activity_date:
datetime/calendar*; hs_priority: enumeration/select; hs_analytics_source: enumeration/select;
hs_analytics_source_data_1: string/text; hs_analytics_source_data_2: string/text;
hs_analytics_latest_source: enumeration/select; hs_was_imported: bool/booleancheckbox*"""
_OWN = {
    "deals": """dealname: string/text; dealstage: enumeration/radio; pipeline: enumeration/select; amount:
number/number; deal_currency_code: enumeration/select; closedate: datetime/date; createdate:
datetime/date; dealtype: enumeration/radio; hs_manual_forecast_category: enumeration/select;
hs_forecast_category: enumeration/select*; closed_lost_reason: string/textarea; closed_won_reason:
string/textarea; amount_in_home_currency: number/number*; hs_exchange_rate: number/number*;
hs_lastmodifieddate: datetime/calendar*; hs_is_closed: bool/calculation_equation*; hs_is_closed_won:
bool/calculation_equation*; hs_is_closed_lost: bool/calculation_equation*;
hs_deal_stage_probability: number/number*; hs_projected_amount: number/calculation_equation*;
hs_closed_amount: number/calculation_equation*; hs_open_deal_create_date:
datetime/calculation_equation*; days_to_close: number/calculation_equation*;
num_associated_contacts: number/number*; description: string/textarea; hs_next_step: string/text;
hs_v2_date_entered_current_stage: datetime/calculation_equation*; hs_arr: number/calculation_equation*;
industry_segment: enumeration/select; expected_margin: number/number""",
    "contacts": """email: string/text; firstname: string/text; lastname: string/text; phone: string/phonenumber;
createdate: datetime/calendar*; lastmodifieddate: datetime/calendar*; lifecyclestage:
enumeration/radio; hs_lead_status: enumeration/radio; associatedcompanyid: number/number;
hs_calculated_merged_vids: enumeration/checkbox*; jobtitle: string/text; num_associated_deals:
number/number*""",
    "companies": """name: string/text; domain: string/text; industry: enumeration/select; country: string/text;
createdate: datetime/calendar*; hs_lastmodifieddate: datetime/calendar*; lifecyclestage:
enumeration/radio; numberofemployees: number/number""",
    "leads": """hs_lead_name: string/text; hs_lead_type: enumeration/select; hs_lead_label: enumeration/select;
hs_pipeline: enumeration/select; hs_pipeline_stage: enumeration/select; hs_lastmodifieddate:
datetime/calendar*""",
}


def _parse(text: str) -> dict[str, tuple[str, str, bool]]:
    found = {}
    for entry in text.replace("\n", " ").split(";"):
        name, _, shape = entry.strip().partition(": ")
        kind, _, field = shape.partition("/")
        found[name] = (kind, field.rstrip("*"), field.endswith("*"))
    return found


SCHEMA = {kind: dict(sorted((_parse(_COMMON) | _parse(own)).items())) for kind, own in _OWN.items()}
_ENUMS = {
    "dealtype": ("newbusiness", "existingbusiness", "renewal"),
    "lifecyclestage": (
        "subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer", "evangelist",
        "other",
    ),
    "hs_lead_status": ("NEW", "OPEN", "IN_PROGRESS", "CONNECTED"),
    "hs_manual_forecast_category": ("OMIT", "PIPELINE", "BEST_CASE", "COMMIT", "CLOSED"),
    "industry_segment": tuple(filter(None, SEGMENTS)),
    "hs_priority": ("low", "medium", "high"),
}  # fmt: skip


def definition(catalog: Catalog, kind: str, name: str, shape: tuple[str, str, bool], now: int) -> dict[str, Any]:
    """One property as `GET /crm/v3/properties/{object}` lists it."""
    values = [(value, value) for value in _ENUMS.get(name, ())]
    if name in ("dealstage", "hs_pipeline_stage"):
        values = [(s.id, s.label(now)) for p in catalog.pipelines.get(kind, ()) for s in p.listed(now)]
    elif name in ("pipeline", "hs_pipeline"):
        values = [(pipeline.id, pipeline.label) for pipeline in catalog.pipelines.get(kind, ())]
    options = [
        {"label": label, "value": value, "displayOrder": order, "hidden": False}
        for order, (value, label) in enumerate(values)
    ]
    own = name.startswith("utm_") or name in ("industry_segment", "expected_margin")
    old = iso(catalog.pipelines["deals"][0].born)
    return {
        "name": name,
        "label": name.removeprefix("hs_").replace("_", " ").capitalize(),
        "description": "",
        "groupName": f"{SINGULAR[kind]}information",
        "type": shape[0],
        "fieldType": shape[1],
        "options": options,
        "displayOrder": -1,
        "calculated": shape[2],
        "externalOptions": name == "hubspot_owner_id",
        "hasUniqueValue": False,
        "hidden": False,
        "hubspotDefined": not own,
        "formField": False,
        "dataSensitivity": "non_sensitive",
        "archived": False,
        "createdAt": old,
        "updatedAt": old,
        "modificationMetadata": {
            "archivable": own,
            "readOnlyDefinition": not own,
            "readOnlyValue": shape[2],
        },
    }

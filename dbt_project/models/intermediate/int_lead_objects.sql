-- One row per lead object that the CRM keeps beside its contacts (HubSpot 0-136): counted, not yet modelled further.
{{ union_vendors('lead_objects') }}

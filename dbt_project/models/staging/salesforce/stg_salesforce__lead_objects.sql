-- Salesforce has leads once, not twice: what HubSpot calls lead objects is its own.
{{ no_rows('lead_objects') }}

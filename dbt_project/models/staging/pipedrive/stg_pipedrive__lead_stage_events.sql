-- Persons have no stages.
{{ no_rows('lead_stage_events') }}

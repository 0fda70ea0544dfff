-- Persons have no stages.
{{ no_rows('lifecycle_stages') }}

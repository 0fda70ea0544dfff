-- Organisations are not read.
{{ no_rows('companies') }}

-- Pipedrive's users list names no teams.
{{ no_rows('teams') }}

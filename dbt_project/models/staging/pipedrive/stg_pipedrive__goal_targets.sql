-- Goals are not read.
{{ no_rows('goal_targets') }}

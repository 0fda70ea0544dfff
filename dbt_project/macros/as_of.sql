{#- "Now" of a run: one instant, written by the runner. Events at or after it do not exist. Never read the clock. -#}
{% macro as_of() %}(select as_of from {{ source('meta', 'run_clock') }}){% endmacro %}

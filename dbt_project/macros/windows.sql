{#- The last value that is not null, up to and including this row of the window. -#}
{% macro last_known(expression, window) %}{{ return(adapter.dispatch('last_known')(expression, window)) }}{% endmacro %}
{% macro default__last_known(expression, window) -%}
last_value({{ expression }} ignore nulls) over ({{ window }} rows between unbounded preceding and current row)
{%- endmacro %}
{% macro spark__last_known(expression, window) -%}
last_value({{ expression }}) ignore nulls over ({{ window }} rows between unbounded preceding and current row)
{%- endmacro %}

{#- The next value that is not null, after this row of the window. -#}
{% macro next_known(expression, window) %}{{ return(adapter.dispatch('next_known')(expression, window)) }}{% endmacro %}
{% macro default__next_known(expression, window) -%}
first_value({{ expression }} ignore nulls) over ({{ window }} rows between 1 following and unbounded following)
{%- endmacro %}
{% macro spark__next_known(expression, window) -%}
first_value({{ expression }}) ignore nulls over ({{ window }} rows between 1 following and unbounded following)
{%- endmacro %}

{#- Incremental models: the newest window that this table has seen (-1 when it is empty). -#}
{% macro seen_up_to() %}(select coalesce(max(window_seq), -1) from {{ this }}){% endmacro %}

{#- What the marts of the forecast share. -#}

{#- Figures of int_forecast as columns of a contract: the month they are about, where, how much. -#}
{% macro forecast_figures(figures) -%}
cast({{ figures }}.target_month as date) as target_month,
    {{ figures }}.component,
    {{ figures }}.segment_type,
    {{ figures }}.segment,
    cast({{ figures }}.horizon_months as integer) as horizon_months,
    cast({{ figures }}.forecast as decimal(18, 2)) as expected_revenue,
    cast({{ figures }}.p10 as decimal(18, 2)) as p10,
    cast({{ figures }}.p50 as decimal(18, 2)) as p50,
    cast({{ figures }}.p90 as decimal(18, 2)) as p90,
    '{{ var("reporting_currency") }}' as currency,
    case when {{ figures }}.component = 'total' then targets.quota end as quota_amount
{%- endmacro %}

{#- The quota of a figure's segment and month, as `targets`; owners' own quotas match no segment type. -#}
{% macro join_targets(figures) -%}
left join {{ ref('fct_targets') }} as targets
    on cast({{ figures }}.target_month as date) = targets.month and {{ figures }}.segment = targets.target_key
    and {{ figures }}.segment_type = case targets.level when 'company' then 'all' else targets.level end
{%- endmacro %}

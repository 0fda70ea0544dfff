{#- Money and rates of the marts. -#}

{#- amount × rate at cents. The width is spelled out: decimal(18,2) × decimal(18,8) would overflow at 10^8. -#}
{% macro converted(amount, rate) -%}
cast(cast({{ amount }} as decimal(28, 2)) * {{ rate }} as decimal(18, 2))
{%- endmacro %}

{#- amount × probability at cents. Eighteen digits hold the product of an amount below ten millions: a twentieth of the price
    of the wide product. -#}
{% macro weighted(amount, probability) -%}
{%- set chance = 'cast(' ~ probability ~ ' as decimal(9, 6))' -%}
case when {{ amount }} between -9999999 and 9999999
        then cast(cast({{ amount }} as decimal(18, 2)) * {{ chance }} as decimal(18, 2))
        else {{ converted(amount, chance) }}
    end
{%- endmacro %}

{#- Bounds of the 95 % Wilson score interval of k out of n, null where n is 0 (rule R17); none and all
    won are written out, where rounding would leave the interval beside 0 or 1. -#}
{% macro wilson_low(k, n) %}case when {{ n }} > 0 and {{ k }} = 0 then 0 when {{ n }} > 0 then {{ wilson_bound(k, n, '-') }} end{% endmacro %}
{% macro wilson_high(k, n) %}case when {{ n }} > 0 and {{ k }} = {{ n }} then 1 when {{ n }} > 0 then {{ wilson_bound(k, n, '+') }} end{% endmacro %}

{% macro wilson_bound(k, n, side) -%}
{%- set z = 1.959963984540054 -%}
{%- set p = "(cast(" ~ k ~ " as double) / nullif(" ~ n ~ ", 0))" -%}
({{ p }} + {{ z * z / 2 }} / nullif({{ n }}, 0)
        {{ side }} {{ z }} * sqrt({{ p }} * (1 - {{ p }}) / nullif({{ n }}, 0) + {{ z * z / 4 }} / pow(nullif({{ n }}, 0), 2)))
        / (1 + {{ z * z }} / nullif({{ n }}, 0))
{%- endmacro %}

{#- The rate that turns an amount into the reporting currency on a day: at most one row matches. `kind` is an SQL
    expression ('spot', 'month_end' or 'plan'). -#}
{% macro join_rate(alias, source, currency, kind, day) -%}
left join {{ ref('int_exchange_rates') }} as {{ alias }}
    on {{ source }} = {{ alias }}.source and {{ currency }} = {{ alias }}.currency and {{ alias }}.kind = {{ kind }}
    and {{ day }} >= {{ alias }}.valid_from and ({{ alias }}.valid_to is null or {{ day }} < {{ alias }}.valid_to)
{%- endmacro %}

{#- Rates in order: the company's own, the deal's own in the CRM, the CRM's for that currency; else null. `deal` is an
    alias of int_deal_currencies; its own rate speaks of the deal's present currency only. -#}
{% macro rate_of(alias, deal, currency) -%}
coalesce(
        case when {{ alias }}.origin <> 'crm' then {{ alias }}.rate end,
        case when {{ deal }}.currency = {{ currency }} then {{ deal }}.own_rate end,
        {{ alias }}.rate
    )
{%- endmacro %}

{#- Month of a closing: of the CRM's close date, or of the entry into the closed stage (funnel.yml revenue_month). -#}
{% macro closing_day(close_date, closed_at) -%}
{%- if var('revenue_month') == 'closed_at' -%}
coalesce({{ to_reporting_date(closed_at) }}, {{ close_date }})
{%- else -%}
coalesce({{ close_date }}, {{ to_reporting_date(closed_at) }})
{%- endif -%}
{%- endmacro %}

{#- The kind of a deal: what funnel.yml says, else the vendor's word; in a renewal pipeline all but explicit new business
    is a renewal. -#}
{% macro deal_type_of(given, is_renewal_pipeline, pipeline_key, source) -%}
{%- set configured = configured_deal_type(given, pipeline_key, source) -%}
case
        {%- if configured != 'null' %}
        when {{ configured }} is not null then {{ configured }}
        {%- endif %}
        when regexp_matches(lower({{ given }}), 'renew|продлен') then 'renewal'
        when lower({{ given }}) in ('newbusiness', 'new_business', 'new business') then 'new_business'
        when {{ is_renewal_pipeline }} then 'renewal'
        when lower({{ given }}) in ('existingbusiness', 'existing_business', 'existing business', 'upsell') then 'upsell'
        else 'other'
    end
{%- endmacro %}

{#- Reasons are free text: a few groups that mean the same in every portal; what says nothing is "not given". -#}
{% macro lost_reason_group(reason) -%}
case
        when {{ blank_to_null(reason) }} is null then 'not given'
        when regexp_matches(lower({{ reason }}), 'price|pricing|budget|cost|expens|discount|цен|бюджет|дорог') then 'price'
        when regexp_matches(lower({{ reason }}), 'competit|rival|vendor|конкурент') then 'competitor'
        when regexp_matches(lower({{ reason }}), 'no decision|no_decision|status quo|stalled|no response|unresponsive|ghost|silent|не ответ|молч') then 'no_decision'
        when regexp_matches(lower({{ reason }}), 'timing|too early|not now|postpon|later|delay|отлож|позже') then 'timing'
        when regexp_matches(lower({{ reason }}), 'feature|product|fit|function|integration|requirement|функц|не подош') then 'product_fit'
        else 'other'
    end
{%- endmacro %}

{#- Elapsed days, 0 where a hand-typed creation date lies after the end; null stays null (greatest would make it 0). -#}
{% macro days_from_zero(earlier, later) -%}
case when {{ elapsed_days(earlier, later) }} < 0 then 0 else {{ elapsed_days(earlier, later) }} end
{%- endmacro %}

{#- Events count strictly before an instant, so the day it closes is the day of the last microsecond before it. -#}
{% macro last_day_before(instant) %}{{ to_reporting_date('(' ~ instant ~ " - interval '1 microsecond')") }}{% endmacro %}

{#- Mean of decimals or integers over the rows of a condition: summed exactly, divided once. avg() of doubles depends on
    the order of the rows, so that a rebuild would differ from incremental runs in the last digit. -#}
{% macro exact_average(value, condition) -%}
cast(sum({{ value }}) filter (where {{ condition }}) as double) / nullif(count({{ value }}) filter (where {{ condition }}), 0)
{%- endmacro %}

{#- Kinds of deals, what dim_deals.deal_type can be: revenue of one is never mixed up with revenue of another. -#}
{% macro deal_types() %}{{ return(['new_business', 'upsell', 'renewal', 'other']) }}{% endmacro %}

{#- Banks' daily rates: days as landed → common columns. `is_per_base`: the bank gives units of a currency for one of its
    own; else units of its own for `nominal` of the currency. Decimal commas are read. -#}
{% macro bank_quotes(bank, base, is_per_base) -%}
with

newest as (
    select source, record_id, record
    from {{ source('raw_' ~ bank, bank ~ '__daily_rates') }}
    qualify row_number() over (partition by source, record_id order by window_seq desc, part desc, line desc) = 1
),

listed as (
    select
        source, cast(record_id as date) as day,
        {{ json_struct(
            'record', '{"rates":[{"currency":"VARCHAR","nominal":"VARCHAR","value":"VARCHAR"}]}',
            'struct<rates:array<struct<currency:string,nominal:string,value:string>>>'
        ) }} as told
    from newest
),

quotes as (
    select source, day, {{ explode('told.rates', 'quote') }}
    from listed
)

select
    source,
    '{{ bank }}' as bank,
    '{{ base }}' as base_currency,
    day,
    quote.currency as currency,
    {% if is_per_base -%}
    cast(quote.nominal as double) / cast(replace(quote.value, ',', '.') as double) as value
    {%- else -%}
    cast(replace(quote.value, ',', '.') as double) / cast(replace(quote.nominal, ',', '.') as double) as value
    {%- endif %}
from quotes
{%- endmacro %}

{#- Order of preference among banks that know equally well: that of vars.banks; a cross over both comes last. -#}
{% macro bank_order(bank) -%}
case {{ bank }} {% for name in var('banks') %}when '{{ name }}' then {{ loop.index }} {% endfor %}else 99 end
{%- endmacro %}

{#- Every day from the first to the last, both of them, as a list; empty where the last is before the first. -#}
{% macro days_between(first, last) %}{{ return(adapter.dispatch('days_between')(first, last)) }}{% endmacro %}
{% macro default__days_between(first, last) -%}
cast(generate_series(cast({{ first }} as timestamp), cast({{ last }} as timestamp), interval '1 day') as date[])
{%- endmacro %}
{% macro spark__days_between(first, last) -%}
case when {{ first }} <= {{ last }} then sequence({{ first }}, {{ last }}, interval 1 day) else array() end
{%- endmacro %}

{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='deal_key',
    on_schema_change='fail'
) }}
-- One row per deal and instant at which a tracked field changed: every field as it was from then on. The state at a
-- moment T is the row with valid_from < T (or <= T, to count what happened at that very instant) and a later valid_to.
{%- set fields = ['amount', 'currency', 'close_date', 'owner', 'deal_type', 'forecast_category', 'pipeline'] %}

with

events as (
    select
        deal_key, source, field, effective_at, sequence, value, window_seq,
        case when field = 'close_date' then {{ to_reporting_month(parse_timestamp('value')) }} end as close_month
    from {{ ref('int_deal_events') }}
    where
        field in ('{{ fields | join("', '") }}')
        {% if is_incremental() %}and window_seq > {{ seen_up_to() }}{% endif %}
),

pushes as (
    select
        *,
        field = 'close_date' and close_month > lag(close_month) over (
            partition by deal_key, field order by effective_at, sequence
        ) as is_push
    from events
),

filled as (
    select
        deal_key,
        source,
        effective_at,
        window_seq,
        {%- for field in fields %}
        -- a cleared value ('') is carried on like any other
        {{ last_known("case when field = '" ~ field ~ "' then coalesce(value, '') end",
            "partition by deal_key order by effective_at, field, sequence") }} as {{ field }},
        {%- endfor %}
        sum(cast(coalesce(is_push, false) as integer)) over (
            partition by deal_key order by effective_at, field, sequence
            rows between unbounded preceding and current row
        ) as close_date_pushes,
        lead(effective_at) over (partition by deal_key order by effective_at, field, sequence) as next_at
    from pushes
)

select
    deal_key,
    source,
    effective_at as valid_from,
    next_at as valid_to,
    {{ parse_money("nullif(amount, '')") }} as amount,
    upper(nullif(currency, '')) as currency,
    {{ parse_timestamp("nullif(close_date, '')") }} as close_date_at,
    {{ entity_key('source', "nullif(owner, '')") }} as owner_key,
    nullif(deal_type, '') as deal_type,
    nullif(forecast_category, '') as forecast_category,
    {{ pipeline_key('source', "nullif(pipeline, '')") }} as pipeline_key,
    cast(close_date_pushes as integer) as close_date_pushes,
    window_seq
from filled
where effective_at is distinct from next_at

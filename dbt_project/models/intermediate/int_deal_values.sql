{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='deal_key',
    on_schema_change='fail'
) }}
-- One row per period in which a tracked field of a deal had one value: [valid_from, valid_to), valid_to null = still.
-- Of several events in one instant the last one counts. Uncut by as_of: join on valid_from <= t < valid_to.
with ranked as (
    select
        deal_key,
        field,
        effective_at,
        value,
        window_seq,
        row_number() over (partition by deal_key, field, effective_at order by sequence desc) as age
    from {{ ref('int_deal_events') }}
    {% if is_incremental() %}where window_seq > {{ seen_up_to() }}{% endif %}
),

compared as (
    select
        *,
        lag(value) over (partition by deal_key, field order by effective_at) as previous_value,
        row_number() over (partition by deal_key, field order by effective_at) as position
    from ranked
    where age = 1
)

select
    deal_key,
    field,
    value,
    effective_at as valid_from,
    lead(effective_at) over (partition by deal_key, field order by effective_at) as valid_to,
    window_seq
from compared
where position = 1 or value is distinct from previous_value

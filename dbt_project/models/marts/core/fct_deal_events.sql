{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ drop_touched() }}",
    post_hook="{{ remember_build() }}"
) }}
-- One row per observed change of one tracked field of a deal before as_of; equal neighbours are one value.
with known as {{ 'materialized ' if is_incremental() }}(
    select *
    from {{ ref('int_deal_events') }}
    where {{ is_touched('deal_key') }} and {{ is_left_in('deal_key') }}
),

events as (
    select
        *,
        lag(value) over (partition by deal_key, field order by effective_at, sequence) as old_value
    from known
    where effective_at < {{ as_of() }}
)

select
    {{ hash_of([
        'deal_key', 'field', 'cast(' ~ epoch_us('effective_at') ~ ' as varchar)', 'cast(sequence as varchar)', 'value'
    ]) }} as event_key,
    deal_key,
    source,
    field,
    old_value,
    value as new_value,
    effective_at,
    recorded_at,
    sequence,
    origin,
    is_order_ambiguous
from events
where value is distinct from old_value

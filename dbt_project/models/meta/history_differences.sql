-- One row per deal and tracked field whose value at the source is not the newest entry of that field's own history,
-- also after the record was read once more. The marts use the object's value, from the instant in differs_since on.
with

differing as (
    select deal_key, source, source_deal_id, field, value, effective_at, recorded_at
    from {{ ref('int_deal_events') }}
    where origin = 'object_diff' and field not in ('deleted', 'merged_into') and effective_at < {{ as_of() }}
),

-- a field without any history has nothing to differ from
histories as (
    select
        events.deal_key,
        events.field,
        max(events.effective_at) as effective_at,
        nullif(max_by(coalesce(events.value, ''), (events.effective_at, events.sequence)), '') as value
    from {{ ref('int_deal_events') }} as events
    where
        events.origin = 'history_api'
        and events.effective_at < {{ as_of() }}
        and events.deal_key in (select differing.deal_key from differing)
    group by events.deal_key, events.field
)

select
    differing.source,
    'deals' as stream,
    differing.deal_key,
    differing.source_deal_id,
    differing.field,
    differing.value as object_value,
    histories.value as history_value,
    histories.effective_at as history_ends_at,
    differing.effective_at as differs_since,
    differing.recorded_at as first_seen_at,
    deals.source_url
from differing
inner join histories on differing.deal_key = histories.deal_key and differing.field = histories.field
left join {{ ref('dim_deals') }} as deals on differing.deal_key = deals.deal_key

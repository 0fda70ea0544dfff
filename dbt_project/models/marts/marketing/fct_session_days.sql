-- One row per day, source, medium and campaign of an analytics property: the newest figures. They are the property's
-- own count, and their cost is what is linked to it: it is no spend beside fct_campaign_days.
with days as (
    {{ union_vendors('session_days') }}
),

newest as (
    select *
    from days
    qualify row_number() over (partition by source, row_id order by window_seq desc, extracted_at desc) = 1
)

select
    {{ entity_key('source', 'row_id') }} as session_day_key,
    source,
    property_id,
    date,
    session_source,
    session_medium,
    coalesce({{ channel_of_utm('session_source', 'session_medium') }}, 'other') as channel,
    source_campaign_id,
    campaign_name,
    sessions,
    key_events,
    cast(revenue as decimal(18, 6)) as revenue,
    cast(cost as decimal(18, 6)) as cost,
    currency,
    is_thresholded,
    is_sampled,
    has_other_row,
    is_truncated
from newest
where not is_gone and date <= {{ last_day_before(as_of()) }}

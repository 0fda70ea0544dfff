-- One row per campaign and list that had it.
select
    source,
    record_id as source_campaign_id,
    coalesce({{ blank_to_null("record ->> '$.campaign.name'") }}, record_id) as campaign_name,
    case record ->> '$.campaign.advertisingChannelType'
        when 'DISPLAY' then 'display'
        when 'DEMAND_GEN' then 'display'
        when 'VIDEO' then 'video'
        else 'paid_search'
    end as channel,
    lower(record ->> '$.campaign.status') as status,
    extracted_at,
    window_seq
from {{ source('raw_google_ads', 'google_ads__campaigns') }}

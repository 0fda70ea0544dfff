-- One row per campaign and day of the ad account, of all ad vendors: the newest version of the figures, which vendors
-- restate for weeks. Days are the account's own.
with days as (
    {{ union_vendors('campaign_days') }}
)

select
    {{ entity_key('source', 'source_campaign_id') }} as campaign_key,
    source,
    source_campaign_id,
    date,
    impressions,
    clicks,
    cost,
    currency,
    conversions,
    campaign_name,
    channel,
    extracted_at,
    window_seq
from days
qualify row_number() over (
    partition by source, source_campaign_id, date
    order by window_seq desc, extracted_at desc
) = 1

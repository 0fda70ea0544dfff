-- One row per version of a banner's day.
select
    source,
    record ->> '$.campaign_id' as source_campaign_id,
    try_cast(record ->> '$.date' as date) as date,
    coalesce(try_cast(record ->> '$.seen' as bigint), 0) as impressions,
    cast(0 as bigint) as clicks,
    coalesce(try_cast(record ->> '$.cost' as decimal(18, 6)), 0) as cost,
    'EUR' as currency,
    cast(0 as double) as conversions,
    extracted_at,
    window_seq
from {{ source('raw_balloon', 'balloon__campaign_days') }}

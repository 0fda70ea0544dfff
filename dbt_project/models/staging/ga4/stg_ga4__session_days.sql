-- One row per version of a day's sessions of a source, medium and campaign, with what Google says of their truth.
select
    source,
    record_id as row_id,
    record ->> '$.property' as property_id,
    try_cast(record ->> '$.date' as date) as date,
    record ->> '$.sessionSource' as session_source,
    record ->> '$.sessionMedium' as session_medium,
    nullif(record ->> '$.sessionCampaignId', '(not set)') as source_campaign_id,
    nullif(record ->> '$.sessionCampaignName', '(not set)') as campaign_name,
    coalesce(try_cast(record ->> '$.sessions' as bigint), 0) as sessions,
    coalesce({{ parse_double("record ->> '$.keyEvents'") }}, 0) as key_events,
    coalesce(try_cast(record ->> '$.totalRevenue' as decimal(18, 6)), 0) as revenue,
    -- null: not asked, for the property cannot give it beside a campaign
    try_cast(record ->> '$.advertiserAdCost' as decimal(18, 6)) as cost,
    upper(record ->> '$.currency') as currency,
    coalesce({{ parse_boolean("record ->> '$.flags.subjectToThresholding'") }}, false) as is_thresholded,
    (record ->> '$.flags.samplingMetadatas') is not null as is_sampled,
    coalesce({{ parse_boolean("record ->> '$.flags.dataLossFromOtherRow'") }}, false) as has_other_row,
    (record ->> '$.flags.dataTruncationReasons') is not null
    or (record ->> '$.flags.schemaRestrictionResponse') is not null as is_truncated,
    coalesce({{ parse_boolean("record ->> '$.is_gone'") }}, false) as is_gone,
    extracted_at,
    window_seq
from {{ source('raw_ga4', 'ga4__session_days') }}

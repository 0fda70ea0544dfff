-- One row per deal ever seen: its newest version that parses. Live, archived and merged-away ones alike.
with ranked as (
    select
        *,
        min(extracted_at) over (partition by source, source_deal_id) as first_extracted_at,
        row_number() over (
            partition by source, source_deal_id
            order by window_seq desc, state_at desc, part desc, line desc
        ) as age
    from {{ ref('stg_hubspot__deal_versions') }}
    where reject_reason is null
)

select
    source,
    source_deal_id,
    deal_name,
    pipeline_id,
    stage_id,
    amount,
    currency,
    amount_in_home_currency,
    exchange_rate,
    close_date_at,
    created_at,
    source_created_at,
    updated_at,
    owner_id,
    deal_type_raw,
    forecast_category,
    lost_reason,
    won_reason,
    object_source,
    object_source_id,
    object_source_detail,
    original_source,
    original_source_detail,
    original_source_detail_2,
    latest_source,
    campaign,
    utm_source,
    utm_medium,
    utm_campaign,
    utm_content,
    utm_term,
    last_contacted_at,
    next_activity_at,
    is_archived,
    archived_at,
    merged_ids,
    source_url,
    extracted_at,
    first_extracted_at,
    window_id,
    window_seq
from ranked
where age = 1

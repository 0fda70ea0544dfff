-- One row per deal ever seen: its newest version that parses.
with ranked as (
    select
        *,
        min(extracted_at) over (partition by source, source_deal_id) as first_extracted_at,
        row_number() over (
            partition by source, source_deal_id
            order by window_seq desc, state_at desc, part desc, line desc
        ) as age
    from {{ ref('stg_pipedrive__deal_versions') }}
    where reject_reason is null
)

select
    ranked.source,
    ranked.source_deal_id,
    ranked.deal_name,
    ranked.pipeline_id,
    ranked.stage_id,
    ranked.amount,
    coalesce(ranked.currency, companies.home_currency) as currency,
    cast(null as decimal(18, 2)) as amount_in_home_currency,
    -- Pipedrive tells no rates
    case when coalesce(ranked.currency, companies.home_currency) = companies.home_currency then 1.0 end
        as exchange_rate,
    ranked.close_date_at,
    ranked.created_at,
    ranked.created_at as source_created_at,
    ranked.updated_at,
    ranked.owner_id,
    cast(null as varchar) as deal_type_raw,
    cast(null as varchar) as forecast_category,
    ranked.lost_reason,
    cast(null as varchar) as won_reason,
    cast(null as varchar) as object_source,
    cast(null as varchar) as object_source_id,
    cast(null as varchar) as object_source_detail,
    ranked.original_source,
    cast(null as varchar) as original_source_detail,
    cast(null as varchar) as original_source_detail_2,
    cast(null as varchar) as latest_source,
    cast(null as varchar) as campaign,
    cast(null as varchar) as utm_source,
    cast(null as varchar) as utm_medium,
    cast(null as varchar) as utm_campaign,
    cast(null as varchar) as utm_content,
    cast(null as varchar) as utm_term,
    cast(null as timestamptz) as last_contacted_at,
    cast(null as timestamptz) as next_activity_at,
    ranked.is_archived,
    ranked.archived_at,
    cast(null as varchar) as merged_ids,
    {{ pipedrive_url('companies.domain', 'deal', 'ranked.source_deal_id') }} as source_url,
    ranked.extracted_at,
    ranked.first_extracted_at,
    ranked.window_id,
    ranked.window_seq
from ranked
left join {{ pipedrive_companies() }} as companies on ranked.source = companies.source
where ranked.age = 1

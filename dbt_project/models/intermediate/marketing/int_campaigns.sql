-- One row per campaign of all ad vendors: as it is called now, with the days on which it had any figures.
with campaigns as (
    {{ union_vendors('campaigns') }}
),

spans as (
    select campaign_key, min(date) as first_date, max(date) as last_date
    from {{ ref('int_campaign_days') }}
    where impressions > 0 or cost > 0
    group by campaign_key
),

newest as (
    select *
    from campaigns
    qualify row_number() over (
        partition by source, source_campaign_id order by window_seq desc, extracted_at desc
    ) = 1
)

select
    {{ entity_key('newest.source', 'newest.source_campaign_id') }} as campaign_key,
    newest.source,
    newest.source_campaign_id,
    newest.campaign_name,
    newest.channel,
    newest.status,
    spans.first_date,
    spans.last_date
from newest
left join spans on {{ entity_key('newest.source', 'newest.source_campaign_id') }} = spans.campaign_key

-- One row per campaign of all vendors: as it is called now, with the days on which it had any figures. A campaign that
-- spent and is in no list (vendors drop deleted ones) is called as its days say, else by its id: no spend is lost.
with campaigns as (
    {{ union_vendors('campaigns') }}
),

listed as (
    select * exclude (window_seq, extracted_at), 1 as rank, window_seq, extracted_at
    from campaigns
    union all by name
    select
        source,
        source_campaign_id,
        coalesce(campaign_name, source_campaign_id) as campaign_name,
        coalesce(channel, 'other') as channel,
        'not listed' as status,
        2 as rank,
        window_seq,
        extracted_at
    from {{ ref('int_campaign_days') }}
),

spans as (
    select campaign_key, min(date) as first_date, max(date) as last_date
    from {{ ref('int_campaign_days') }}
    where impressions > 0 or cost > 0
    group by campaign_key
),

newest as (
    select *
    from listed
    qualify row_number() over (
        partition by source, source_campaign_id
        order by rank asc, window_seq desc, extracted_at desc, campaign_name asc
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

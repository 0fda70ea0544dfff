-- One row per touch of a deal: what is known of how its people came, until the deal was closed. A person's first and
-- latest source (as the CRM keeps them), forms they sent and campaigns they responded to, the UTM parameters and the
-- source of the deal itself.
with people as (
    select
        people.deal_key,
        leads.original_source,
        leads.original_source_detail,
        leads.latest_source,
        leads.created_at
    from {{ ref('int_deal_people') }} as people
    inner join {{ ref('int_leads') }} as leads on people.lead_key = leads.lead_key
),

deals as (
    select
        deals.*,
        outcomes.closed_at
    from {{ ref('int_deals') }} as deals
    inner join {{ ref('int_deal_outcomes') }} as outcomes on deals.deal_key = outcomes.deal_key
    where not outcomes.is_deleted and deals.created_at < {{ as_of() }}
),

told as (
    select
        people.deal_key,
        least(people.created_at, deals.created_at) as touch_at,
        {{ channel_of_source('people.original_source') }} as channel,
        people.original_source_detail as campaign_hint,
        cast(null as varchar) as campaign_key
    from people
    inner join deals on people.deal_key = deals.deal_key
    union all
    -- nobody says when: not later than the deal
    select
        people.deal_key,
        deals.created_at as touch_at,
        {{ channel_of_source('people.latest_source') }} as channel,
        null as campaign_hint,
        null as campaign_key
    from people
    inner join deals on people.deal_key = deals.deal_key
    where people.latest_source is distinct from people.original_source
    union all
    select
        deal_key,
        created_at as touch_at,
        {{ channel_of_utm('utm_source', 'utm_medium') }} as channel,
        {{ blank_to_null('utm_campaign') }} as campaign_hint,
        null as campaign_key
    from deals
    union all
    select
        people.deal_key,
        touches.touch_at,
        coalesce(campaigns.channel, touches.channel) as channel,
        touches.campaign_name as campaign_hint,
        campaigns.campaign_key
    from {{ ref('int_deal_people') }} as people
    inner join deals on people.deal_key = deals.deal_key
    inner join {{ ref('int_touches') }} as touches on people.lead_key = touches.lead_key
    left join {{ ref('int_campaigns') }} as campaigns on touches.campaign_key = campaigns.campaign_key
    where deals.closed_at is null or touches.touch_at < deals.closed_at
    union all
    -- the deal's own source, where no person tells it
    select
        deals.deal_key,
        deals.created_at as touch_at,
        {{ channel_of_source('deals.original_source') }} as channel,
        coalesce({{ blank_to_null('deals.campaign') }}, deals.original_source_detail) as campaign_hint,
        null as campaign_key
    from deals
    left join people on deals.deal_key = people.deal_key and people.original_source is not null
    where people.deal_key is null
),

-- Of the campaigns of that name and channel one.
named as (
    select
        told.deal_key,
        told.touch_at,
        told.channel,
        coalesce(told.campaign_key, campaigns.campaign_key) as campaign_key
    from told
    left join {{ ref('int_campaigns') }} as campaigns
        on
            told.campaign_key is null
            and told.channel = campaigns.channel
            and (
                lower(told.campaign_hint) = lower(campaigns.campaign_name)
                or told.campaign_hint = campaigns.source_campaign_id
            )
    where told.channel is not null
    qualify row_number() over (
        partition by told.deal_key, told.touch_at, told.channel, told.campaign_hint, told.campaign_key
        order by
            {{ as_it_ran('told.touch_at', 'campaigns') }}
    ) = 1
)

-- Two systems that tell of one visit are one touch; the one that knows the campaign.
select
    deal_key,
    touch_at,
    channel,
    campaign_key,
    cast(row_number() over (partition by deal_key order by touch_at, channel, campaign_key) as integer) as place,
    cast(count(*) over (partition by deal_key) as integer) as touches
from (
    select distinct deal_key, touch_at, channel, campaign_key
    from named
    qualify
        campaign_key is not null
        or max(campaign_key) over (partition by deal_key, touch_at, channel) is null
) as distinct_touches

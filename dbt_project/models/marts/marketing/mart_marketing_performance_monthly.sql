-- One row per month, channel, campaign and attribution model. Spend has no model: it is the same beside each of them,
-- so pin one model before summing. Spend of a month equals the vendors' totals, revenue the won revenue, both to the
-- cent: what no campaign or channel can claim is the row of its channel without a campaign, or unattributed.
with models (attribution_model) as (
    {{ attribution_model_rows() }}
),

spend as (
    select
        {{ month_of('days.date') }} as month,
        campaigns.channel,
        days.campaign_key,
        sum(days.cost_reporting) as spend,
        sum(days.impressions) as impressions,
        sum(days.clicks) as clicks,
        count(*) filter (where days.cost_reporting is null and days.cost > 0) as unconverted_days
    from {{ ref('fct_campaign_days') }} as days
    inner join {{ ref('dim_campaigns') }} as campaigns on days.campaign_key = campaigns.campaign_key
    group by 1, 2, 3
),

leads as (
    select
        {{ to_reporting_month('leads.created_at') }} as month,
        coalesce({{ channel_of_source('leads.original_source') }}, 'unattributed') as channel,
        leads.campaign_key,
        count(*) as leads
    from {{ ref('dim_leads') }} as leads
    where not leads.is_deleted
    group by 1, 2, 3
),

created as (
    select
        {{ to_reporting_month('deals.created_at') }} as month,
        touches.channel,
        touches.campaign_key,
        touches.attribution_model,
        sum(touches.weight) as deals
    from {{ ref('bridge_deal_touches') }} as touches
    inner join {{ ref('dim_deals') }} as deals on touches.deal_key = deals.deal_key
    where not deals.is_deleted
    group by 1, 2, 3, 4
),

-- A win's cents go to its touches in their order, each taking what the shares up to it come to less what was given
-- before, the last one the rest: no cent is made or lost.
running as (
    select
        won.won_month as month,
        won.deal_key,
        won.spell_number,
        touches.channel,
        touches.campaign_key,
        touches.attribution_model,
        touches.touch_number,
        touches.weight,
        case
            when touches.touch_number = max(touches.touch_number) over (
                partition by won.deal_key, won.spell_number, touches.attribution_model
            ) then won.amount_reporting
            else cast(round(cast(won.amount_reporting as double) * sum(touches.weight) over (
                partition by won.deal_key, won.spell_number, touches.attribution_model
                order by touches.touch_number
            ), 2) as decimal(18, 2))
        end as given_so_far
    from {{ ref('fct_won_revenue') }} as won
    inner join {{ ref('bridge_deal_touches') }} as touches on won.deal_key = touches.deal_key
    where not won.is_reversed
),

given as (
    select
        *,
        given_so_far - coalesce(lag(given_so_far) over (
            partition by deal_key, spell_number, attribution_model
            order by touch_number
        ), 0) as amount
    from running
),

won as (
    select
        month,
        channel,
        campaign_key,
        attribution_model,
        sum(weight) as won_deals,
        sum(amount) as won_amount
    from given
    group by 1, 2, 3, 4
),

stacked as (
    select
        spend.month, spend.channel, spend.campaign_key, models.attribution_model, spend.spend, spend.impressions,
        spend.clicks, spend.unconverted_days, 0 as leads, 0.0 as deals, 0.0 as won_deals, 0 as won_amount
    from spend
    cross join models
    union all
    select
        leads.month, leads.channel, leads.campaign_key, models.attribution_model, 0 as spend, 0 as impressions,
        0 as clicks, 0 as unconverted_days, leads.leads, 0.0 as deals, 0.0 as won_deals, 0 as won_amount
    from leads
    cross join models
    union all
    select
        month, channel, campaign_key, attribution_model, 0 as spend, 0 as impressions, 0 as clicks,
        0 as unconverted_days, 0 as leads, deals, 0.0 as won_deals, 0 as won_amount
    from created
    union all
    select
        month, channel, campaign_key, attribution_model, 0 as spend, 0 as impressions, 0 as clicks,
        0 as unconverted_days, 0 as leads,
        0.0 as deals, won_deals, won_amount
    from won
),

summed as (
    select
        month,
        channel,
        campaign_key,
        attribution_model,
        cast(coalesce(sum(spend), 0) as decimal(18, 2)) as spend,
        cast(sum(impressions) as bigint) as impressions,
        cast(sum(clicks) as bigint) as clicks,
        cast(sum(unconverted_days) as bigint) as unconverted_days,
        cast(sum(leads) as bigint) as leads,
        cast(round(sum(deals), 6) as double) as deals,
        cast(round(sum(won_deals), 6) as double) as won_deals,
        cast(coalesce(sum(won_amount), 0) as decimal(18, 2)) as won_amount
    from stacked
    group by 1, 2, 3, 4
)

select
    summed.month,
    summed.channel,
    coalesce(summed.campaign_key, 'none') as campaign_key,
    summed.attribution_model,
    campaigns.campaign_name,
    summed.spend,
    summed.impressions,
    summed.clicks,
    summed.unconverted_days,
    summed.leads,
    summed.deals,
    summed.won_deals,
    summed.won_amount,
    cast(summed.spend as double) / nullif(summed.leads, 0) as cost_per_lead,
    cast(summed.spend as double) / nullif(summed.won_deals, 0) as cac,
    cast(summed.won_amount as double) / nullif(cast(summed.spend as double), 0) as roas
from summed
left join {{ ref('dim_campaigns') }} as campaigns on summed.campaign_key = campaigns.campaign_key

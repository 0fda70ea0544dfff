{{ config(materialized='view') }}
-- One row per landmark and lead that was open then: not deleted, without a deal, no customer. Landmarks are as_of (0)
-- and every thirty days before it, two years back. What the lead was like then, as that day could tell it, and whether
-- it became a customer within ninety days (null while these are not over).
with

landmarks as (
    select
        cast(series.landmark as integer) as landmark,
        {{ as_of() }} - cast(series.landmark as integer) * interval '30 days' as landmark_at
    from unnest(generate_series(0, 24)) as series (landmark)
),

customer_stages as (
    select source, min(position) as customer_from
    from {{ ref('int_lifecycle_stages') }}
    where funnel_step = 'customer'
    group by 1
),

became as (
    select lead_key, min(customer_at) as customer_at
    from (
        select transitions.lead_key, transitions.entered_at as customer_at
        from {{ ref('fct_lead_transitions') }} as transitions
        inner join {{ ref('int_leads') }} as leads on transitions.lead_key = leads.lead_key
        inner join {{ ref('int_lifecycle_stages') }} as stages
            on leads.source = stages.source and transitions.to_stage = stages.lifecycle_stage
        inner join customer_stages
            on leads.source = customer_stages.source and stages.position >= customer_stages.customer_from
        union all
        select deals.lead_key, won.won_at as customer_at
        from {{ ref('fct_won_revenue') }} as won
        inner join {{ ref('dim_deals') }} as deals on won.deal_key = deals.deal_key
        where deals.lead_key is not null
    ) as told
    group by 1
),

leads as (
    select
        leads.lead_key, leads.source, coalesce(leads.original_source, 'unknown') as original_source,
        leads.created_at, leads.import_batch_id is not null as is_imported,
        became.customer_at,
        least(leads.converted_at, became.customer_at, case when leads.is_deleted then known.deleted_at end) as closed_at
    from {{ ref('dim_leads') }} as leads
    inner join {{ ref('int_leads') }} as known on leads.lead_key = known.lead_key
    left join became on leads.lead_key = became.lead_key
),

standing as (
    select
        landmarks.landmark, landmarks.landmark_at, leads.*,
        {{ elapsed_days('leads.created_at', 'landmarks.landmark_at') }} as age_days
    from landmarks
    inner join leads
        on leads.created_at < landmarks.landmark_at
        and (leads.closed_at is null or leads.closed_at >= landmarks.landmark_at)
)

select
    standing.landmark,
    standing.landmark_at,
    standing.lead_key,
    standing.source,
    standing.original_source,
    coalesce(stays.to_stage, 'none') as lifecycle_stage,
    standing.created_at,
    standing.age_days,
    case
        when standing.age_days < 3 then 'under 3 days'
        when standing.age_days < 7 then '3 to 7 days'
        when standing.age_days < 14 then '7 to 14 days'
        when standing.age_days < 30 then '14 to 30 days'
        when standing.age_days < 60 then '30 to 60 days'
        when standing.age_days < 90 then '60 to 90 days'
        when standing.age_days < 180 then '90 to 180 days'
        when standing.age_days < 365 then '180 to 365 days'
        else 'over a year'
    end as age_band,
    standing.is_imported,
    case
        when standing.landmark >= 3
            then cast(coalesce(standing.customer_at < standing.landmark_at + interval '90 days', false) as integer)
    end as is_customer
from standing
left join {{ ref('fct_lead_transitions') }} as stays
    on standing.lead_key = stays.lead_key and stays.entered_at < standing.landmark_at
    and (stays.exited_at is null or stays.exited_at >= standing.landmark_at)

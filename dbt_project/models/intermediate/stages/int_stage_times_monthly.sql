-- One row per month and stage with stays entered in the twelve months up to it: how long they last, by Kaplan-Meier,
-- those still going on censored at as_of. The months' own exactly; the trailing ones in whole days, rounded up, so that
-- twelve months of them are counts of days and not every stay twelve times over.
with

lives as (
    select stays.stage_key, stays.entered_month as month, stays.days, stays.is_event
    from {{ ref('int_live_stays') }} as stays
    inner join {{ ref('dim_deals') }} as deals on stays.deal_key = deals.deal_key
    -- a bulk import enters its deals in one day, whenever that was in truth
    where not stays.is_restored and deals.import_batch_id is null
),

curves as (
    {{ kaplan_meier('lives', ['stage_key', 'month']) }}
),

monthly as (
    select
        stage_key, month,
        cast(max(at_risk) as bigint) as days_n,
        max(days) as longest_days,
        {{ km_quantile(0.5) }} as median_days,
        {{ km_quantile(0.75) }} as p75_days,
        {{ km_quantile(0.9) }} as p90_days
    from curves
    group by stage_key, month
),

daily as (
    select stage_key, month, ceil(days) as days, is_event, count(*) as lives
    from lives
    group by stage_key, month, ceil(days), is_event
),

recent as (
    select daily.stage_key, months.month, daily.days, daily.is_event, daily.lives
    from daily
    inner join {{ ref('int_months') }} as months
        on daily.month <= months.month and daily.month > months.month - interval '12 months'
),

recent_curves as (
    {{ kaplan_meier('recent', ['stage_key', 'month'], weight='lives') }}
),

trailing_12m as (
    select
        stage_key, month,
        max(days) as trailing_12m_longest_days,
        {{ km_quantile(0.75) }} as trailing_12m_p75_days
    from recent_curves
    group by stage_key, month
)

select
    trailing_12m.stage_key,
    trailing_12m.month,
    coalesce(monthly.days_n, 0) as days_n,
    monthly.median_days,
    monthly.p75_days,
    monthly.p90_days,
    monthly.longest_days,
    trailing_12m.trailing_12m_p75_days,
    trailing_12m.trailing_12m_longest_days
from trailing_12m
left join monthly on trailing_12m.stage_key = monthly.stage_key and trailing_12m.month = monthly.month

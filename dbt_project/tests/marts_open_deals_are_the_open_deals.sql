-- The open deals are those the monthly figures count in the running month, and the stalled ones those that the stages
-- count as stuck, where funnel.yml sets no thresholds of its own; ranks are 1, 2, 3 …
with

listed as (
    select
        count(*) as deals, coalesce(sum(amount_reporting), 0) as amount,
        coalesce(max(priority_rank), 0) as last_rank, count(priority_rank) as ranked,
        count(distinct priority_rank) as ranks
    from {{ ref('mart_open_deals') }}
),

stalled as (
    select stage_key, count(*) filter (where is_stalled) as deals
    from {{ ref('mart_open_deals') }}
    group by 1
)

select 'open' as problem, kpis.pipeline_key as key
from {{ ref('mart_sales_kpis_monthly') }} as kpis
cross join listed
where kpis.is_rollup and not kpis.is_complete_month
    and (kpis.open_opportunities <> listed.deals or kpis.open_amount <> listed.amount)
union all
select 'rank' as problem, cast(last_rank as varchar) as key
from listed
where last_rank <> ranked or ranks <> ranked
union all
select 'stalled' as problem, stages.stage_key as key
from {{ ref('mart_stage_performance_monthly') }} as stages
left join stalled on stages.stage_key = stalled.stage_key
where not stages.is_complete_month
    and coalesce(stages.stuck_count, 0) <> coalesce(stalled.deals, 0)
    and not exists (
        select 1 from {{ source('meta', 'configured_thresholds') }} as own
        where own.name = 'days' or (own.name = 'factor' and own.value <> 1)
    )

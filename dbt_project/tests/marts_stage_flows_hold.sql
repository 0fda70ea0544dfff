-- Stage performance: who was there and came has left or is still there, month after month (invariant 5); at each month
-- end, and now, that is who stands there by fct_pipeline_month_end and dim_deals, which know nothing of it.
with

rows_of_stages as (
    select
        *,
        at_risk + entered - exits_forward - exits_backward - exits_won - exits_lost - exits_reopened
        - exits_pipeline_change - exits_void as left_over,
        lag(month) over (partition by stage_key order by month) as month_before,
        lag(still_there) over (partition by stage_key order by month) as there_before
    from {{ ref('mart_stage_performance_monthly') }}
),

standing as (
    select month_end, stage_key, count(*) as deals
    from {{ ref('fct_pipeline_month_end') }}
    group by 1, 2
    union all
    select months.month_end, deals.stage_key, count(*) as deals
    from {{ ref('dim_deals') }} as deals
    inner join {{ ref('int_months') }} as months on not months.is_complete_month
    where deals.is_open and not deals.is_deleted and deals.stage_key is not null
    group by 1, 2
)

select 'flow' as problem, month, stage_key
from rows_of_stages
where still_there <> left_over or at_risk <> coalesce(there_before, 0) or still_there < 0
union all
select 'dense' as problem, month, stage_key
from rows_of_stages
where month <> month_before + interval '1 month'
union all
select 'standing' as problem, performance.month, performance.stage_key
from rows_of_stages as performance
left join standing
    on performance.month_end = standing.month_end and performance.stage_key = standing.stage_key
where
    performance.stage_category not in ('won', 'lost', 'void')
    and performance.still_there <> coalesce(standing.deals, 0)
union all
select 'key' as problem, min(month) as month, stage_key
from rows_of_stages
group by month, stage_key
having count(*) > 1
union all
select 'days' as problem, month, stage_key
from rows_of_stages
where median_days > p75_days or p75_days > p90_days or median_days < 0 or days_n > entered
    or (median_days is null and p75_days is not null) or stuck_count > still_there

-- One row per month and stage with deals standing in it at the month's end (the running month: at as_of) for longer
-- than three quarters of the stays of the twelve months up to it.
with

standing as (
    select {{ month_of('month_end') }} as month, stage_key, days_in_stage, amount_reporting
    from {{ ref('fct_pipeline_month_end') }}
    union all
    select
        months.month, deals.stage_key,
        {{ elapsed_days('stays.entered_at', as_of()) }} as days_in_stage,
        deals.amount_reporting
    from {{ ref('dim_deals') }} as deals
    inner join {{ ref('int_months') }} as months on not months.is_complete_month
    inner join {{ ref('fct_stage_transitions') }} as stays on deals.deal_key = stays.deal_key and stays.is_current
    where deals.is_open and not deals.is_deleted
)

select
    standing.month,
    standing.stage_key,
    count(*) as stuck_count,
    cast(coalesce(sum(standing.amount_reporting), 0) as decimal(18, 2)) as stuck_amount
from standing
inner join {{ ref('int_stage_times_monthly') }} as times
    on standing.month = times.month and standing.stage_key = times.stage_key
    and standing.days_in_stage > times.trailing_12m_p75_days
group by standing.month, standing.stage_key

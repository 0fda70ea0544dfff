-- Conversion (invariant 5): what entered has reached, been lost, gone void or is still open; rates grow with age and
-- stay within 1; and the cohorts of all months hold each deal that ever came as far as the stage, by its visits alone.
with

conversions as (
    select *
    from {{ ref('mart_funnel_conversion_monthly') }}
),

came_as_far as (
    select
        stays.deal_key, stays.pipeline_key,
        max(case when stages.is_won then 1000000 else stages.position end) as mark
    from {{ ref('fct_stage_transitions') }} as stays
    inner join {{ ref('int_stages') }} as stages on stays.to_stage_key = stages.stage_key
    inner join {{ ref('dim_deals') }} as deals on stays.deal_key = deals.deal_key
    where
        not stages.is_retired and (stages.is_won or stages.is_reachable)
        and not deals.is_deleted and deals.import_batch_id is null
    group by stays.deal_key, stays.pipeline_key
),

expected as (
    select steps.step_number, count(came_as_far.deal_key) as entered
    from {{ ref('int_funnel_steps') }} as steps
    left join came_as_far
        on steps.pipeline_key = came_as_far.pipeline_key and came_as_far.mark >= steps.from_rung
    group by steps.step_number
),

found as (
    select steps.step_number, sum(conversions.entered) as entered
    from conversions
    inner join {{ ref('int_funnel_steps') }} as steps
        on conversions.from_stage_key = steps.from_stage_key and conversions.to_stage_key = steps.to_stage_key
    where conversions.basis = 'stage_entered'
    group by steps.step_number
)

select 'sum' as problem, cohort_month, from_stage_key, to_stage_key
from conversions
where
    reached + lost + void + still_open <> entered or rate_n <> entered - void
    or direct_entry > entered or n_implied > reached
union all
select 'rate' as problem, cohort_month, from_stage_key, to_stage_key
from conversions
where
    rate_30d > rate_60d or rate_60d > rate_90d or rate_90d > rate_180d
    or coalesce(rate_180d, rate_90d, rate_60d, rate_30d) > observed_rate + 1e-12
    or observed_rate > 1 or rate_30d < 0 or (observed_rate is null) <> (rate_n = 0)
    or eventual_rate < observed_rate - 1e-9 or eventual_rate not between 0 and 1
    or eventual_rate_low not between 0 and eventual_rate or eventual_rate_high not between eventual_rate and 1
    or (eventual_rate is null) <> (reached + lost = 0) or (eventual_rate is null) <> (eventual_rate_low is null)
union all
select 'key' as problem, cohort_month, from_stage_key, to_stage_key
from conversions
group by cohort_month, basis, from_stage_key, to_stage_key
having count(*) > 1
union all
select 'months' as problem, min(cohort_month) as cohort_month, from_stage_key, to_stage_key
from conversions
group by basis, from_stage_key, to_stage_key
having count(*) <> (select count(*) from {{ ref('int_months') }})
union all
select 'deals' as problem, null as cohort_month, steps.from_stage_key, steps.to_stage_key
from expected
inner join {{ ref('int_funnel_steps') }} as steps on expected.step_number = steps.step_number
left join found on expected.step_number = found.step_number
where expected.entered is distinct from found.entered

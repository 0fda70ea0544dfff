-- One row per cohort month, basis and step from a stage to the next one or to won: pin basis, and never add up steps.
with

bases as (
    select 'created' as basis
    union all
    select 'stage_entered' as basis
),

figures as (
    select
        months.month as cohort_month, bases.basis,
        steps.pipeline_key, steps.from_stage_key, steps.to_stage_key, steps.is_next_stage, steps.is_to_won,
        months.is_complete_month,
        -- the last of the cohort began then at the latest
        case
            when cohorts.last_entered_at > months.ends_at then cohorts.last_entered_at else months.ends_at
        end as begun_at,
        {%- for count in ['entered', 'direct_entry', 'n_implied', 'n_reached', 'n_lost', 'n_void', 'n_open',
            'reached_30d', 'reached_60d', 'reached_90d', 'reached_180d'] %}
        coalesce(cohorts.{{ count }}, 0) as {{ count }},
        {%- endfor %}
        coalesce(cohorts.entered - cohorts.n_void, 0) as rate_n,
        coalesce(cohorts.n_reached + cohorts.n_lost, 0) as decided,
        -- a probability is told once something has been decided; rounding of its sum stays within 1
        case
            when cohorts.n_reached + cohorts.n_lost = 0 then null
            when cohorts.eventual > 1 - 1e-9 then 1
            else cohorts.eventual
        end as eventual_rate,
        cohorts.variance, cohorts.median_days
    from {{ ref('int_months') }} as months
    cross join {{ ref('int_funnel_steps') }} as steps
    cross join bases
    left join {{ ref('int_funnel_cohorts') }} as cohorts
        on months.month = cohorts.cohort_month and steps.step_number = cohorts.step_number
        and bases.basis = cohorts.basis
)

select
    cohort_month,
    basis,
    pipeline_key,
    from_stage_key,
    to_stage_key,
    is_next_stage,
    is_to_won,
    entered,
    direct_entry,
    n_reached as reached,
    n_implied,
    n_lost as lost,
    n_void as void,
    n_open as still_open,
    rate_n,
    cast(n_reached as double) / nullif(rate_n, 0) as observed_rate,
    {%- for age in [30, 60, 90, 180] %}
    case
        when begun_at + interval '{{ age }} days' <= {{ as_of() }}
            then cast(reached_{{ age }}d as double) / nullif(rate_n, 0)
    end as rate_{{ age }}d,
    {%- endfor %}
    eventual_rate,
    case
        when eventual_rate = 0 then 0
        when eventual_rate = 1 then {{ wilson_low('decided', 'decided') }}
        else {{ log_log_low('eventual_rate', 'variance') }}
    end as eventual_rate_low,
    case
        when eventual_rate = 1 then 1
        when eventual_rate = 0 then {{ wilson_high('0', 'decided') }}
        else {{ log_log_high('eventual_rate', 'variance') }}
    end as eventual_rate_high,
    median_days as median_days_to_reach,
    rate_n < 30 as is_small_sample,
    is_complete_month and rate_n > 0 and n_open <= 0.05 * rate_n as is_mature,
    is_complete_month
from figures

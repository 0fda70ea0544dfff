-- One row per month and stage: who was there, who came, who left how, how long a stay lasts, and where deals are stuck.
{%- set kinds = ['forward', 'backward', 'won', 'lost', 'reopened', 'pipeline_change', 'void'] %}
with

figures as (
    select
        months.month, months.month_end, months.is_complete_month,
        stages.pipeline_key, stages.stage_key, stages.stage_category, stages.position,
        stages.is_open and not stages.is_retired as is_ranked,
        coalesce(flows.entered, 0) as entered,
        {%- for kind in kinds %}
        coalesce(flows.exits_{{ kind }}, 0) as exits_{{ kind }},
        {%- endfor %}
        cast(sum(coalesce(flows.entered, 0) - coalesce(flows.exits, 0)) over (
            partition by stages.stage_key order by months.month rows between unbounded preceding and current row
        ) as bigint) as still_there,
        coalesce(flows.entered, 0) - coalesce(flows.exits, 0) as net_entered,
        coalesce(times.days_n, 0) as days_n,
        times.median_days, times.p75_days, times.p90_days, times.longest_days,
        times.trailing_12m_p75_days, times.trailing_12m_longest_days,
        case
            when stages.is_open and times.trailing_12m_p75_days is not null then coalesce(stuck.stuck_count, 0)
        end as stuck_count,
        case
            when stages.is_open and times.trailing_12m_p75_days is not null then coalesce(stuck.stuck_amount, 0)
        end as stuck_amount
    from {{ ref('int_months') }} as months
    cross join {{ ref('dim_stages') }} as stages
    left join {{ ref('int_stage_flows_monthly') }} as flows
        on months.month = flows.month and stages.stage_key = flows.stage_key
    left join {{ ref('int_stage_times_monthly') }} as times
        on months.month = times.month and stages.stage_key = times.stage_key
    left join {{ ref('int_stage_stuck_monthly') }} as stuck
        on months.month = stuck.month and stages.stage_key = stuck.stage_key
    {%- if var('included_pipelines') %}
    where {{ is_included('stages.pipeline_key') }}
    {%- endif %}
),

ranked as (
    select
        *,
        -- where the curve does not come down that far, the longest stay seen is what the quantile exceeds
        case
            when is_ranked and trailing_12m_longest_days is not null then row_number() over (
                partition by month, pipeline_key, is_ranked and trailing_12m_longest_days is not null
                order by
                    coalesce(trailing_12m_p75_days, trailing_12m_longest_days) desc,
                    coalesce(stuck_count, 0) desc, position asc, stage_key asc
            )
        end as bottleneck_rank
    from figures
)

select
    month,
    month_end,
    pipeline_key,
    stage_key,
    stage_category,
    still_there - net_entered as at_risk,
    entered,
    {%- for kind in kinds %}
    exits_{{ kind }},
    {%- endfor %}
    still_there,
    days_n,
    median_days,
    p75_days,
    p90_days,
    trailing_12m_p75_days,
    stuck_count,
    cast(stuck_amount as decimal(18, 2)) as stuck_amount,
    coalesce(
        is_ranked and days_n >= 10 and coalesce(p75_days, longest_days) > 1.25 * trailing_12m_p75_days, false
    ) as is_slow,
    cast(bottleneck_rank as integer) as bottleneck_rank,
    is_complete_month
from ranked

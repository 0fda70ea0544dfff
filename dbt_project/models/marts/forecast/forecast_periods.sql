-- One row per vintage (or the refresh's own forecast), fiscal quarter, fiscal year or run of months ahead, and segment.
-- Quantiles are the period's own: made of joint draws of its months (forecasting.simulation). Vintages of closed months
-- are as they were frozen.
with

figures as (
    select
        case
            when record = 'period' then last_day(cast(as_of_month as date))
            else cast({{ last_day_before(as_of()) }} as date)
        end as as_of_date,
        record = 'current_period' as is_current,
        period_type,
        cast(target_month as date) as period_start,
        last_day(cast(last_month as date)) as period_end,
        segment_type,
        segment,
        is_whole = 1 as is_whole_period,
        cast(so_far as decimal(18, 2)) as won_so_far,
        cast(forecast as decimal(18, 2)) as expected_revenue,
        cast(p10 as decimal(18, 2)) as p10,
        cast(p50 as decimal(18, 2)) as p50,
        cast(p90 as decimal(18, 2)) as p90,
        '{{ var("reporting_currency") }}' as currency,
        cast(case when not isnan(actual) then actual end as decimal(18, 2)) as actual_revenue
    from {{ ref('int_forecast') }}
    where record in ('period', 'current_period')
),

said as (
    select
        figures.* replace (
            {%- for name in ['won_so_far', 'expected_revenue', 'p10', 'p50', 'p90'] %}
            coalesce(frozen.{{ name }}, figures.{{ name }}) as {{ name }}{% if not loop.last %},{% endif %}
            {%- endfor %}
        )
    from figures
    left join {{ source('meta', 'frozen_periods') }} as frozen
        on not figures.is_current and figures.as_of_date = frozen.as_of_date
        and figures.period_type = frozen.period_type and figures.period_end = frozen.period_end
        and figures.segment_type = frozen.segment_type and figures.segment = frozen.segment
)

select
    *,
    actual_revenue between p10 and p90 as is_covered
from said

-- One row per vintage (or the refresh's own forecast), fiscal quarter, fiscal year or run of months ahead, and segment.
-- Quantiles are the period's own: made of joint draws of its months (forecasting.simulation).
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
)

select
    *,
    actual_revenue between p10 and p90 as is_covered
from figures

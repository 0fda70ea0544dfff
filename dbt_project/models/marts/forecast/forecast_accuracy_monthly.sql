-- One row per month end, target month that has come, component, segment and method: what was said against what came.
-- Vintages are as they were frozen when the month was closed (origin frozen), else as the forecast's own functions make
-- them of what had happened by their month end (origin backtest, and all simple methods). Of forecast_current the same
-- day of earlier months is judged (method funnel_current, of the month as_of_month_end ends). What people said stands
-- beside: the CRM's forecast category (crm_commit) and management's adjustments (management), against the same actual.
with

judged as (
    select
        last_day(cast(as_of_month as date)) as as_of_month_end,
        cast(target_month as date) as target_month,
        component,
        segment_type,
        segment,
        method,
        cast(horizon_months as integer) as horizon_months,
        cast(forecast as decimal(18, 2)) as forecast,
        cast(actual as decimal(18, 2)) as actual,
        p10,
        p50,
        p90
    from {{ ref('int_forecast') }}
    where record = 'judged'
),

said as (
    select
        judged.* replace (
            coalesce(frozen.expected_revenue, judged.forecast) as forecast, coalesce(frozen.p10, judged.p10) as p10,
            coalesce(frozen.p50, judged.p50) as p50, coalesce(frozen.p90, judged.p90) as p90
        ),
        case when frozen.as_of_month_end is null then 'backtest' else 'frozen' end as origin
    from judged
    left join {{ source('meta', 'frozen_forecasts') }} as frozen
        on judged.method = 'funnel' and judged.as_of_month_end = frozen.as_of_month_end
        and judged.target_month = frozen.target_month and judged.component = frozen.component
        and judged.segment_type = frozen.segment_type and judged.segment = frozen.segment
),

totals as (
    select
        said.* replace (cast(null as double) as p10, cast(null as double) as p50, cast(null as double) as p90)
    from said
    where method = 'funnel' and component = 'total'
),

adjusted as (
    select as_of_month_end, target_month, segment_type, segment, amount, delta
    from {{ source('meta', 'forecast_adjustments') }}
    where is_in_time
    qualify row_number() over (
        partition by as_of_month_end, target_month, segment_type, segment order by row_number desc
    ) = 1
),

management as (
    select
        totals.* replace (
            coalesce(adjusted.amount, totals.forecast + adjusted.delta) as forecast, 'management' as method,
            'frozen' as origin
        )
    from totals
    inner join adjusted
        on totals.as_of_month_end = adjusted.as_of_month_end and totals.target_month = adjusted.target_month
        and totals.segment_type = adjusted.segment_type and totals.segment = adjusted.segment
),

committed as (
    select
        month_end,
        cast(date_trunc('month', close_date) as date) as target_month,
        sum(amount_reporting) as amount
    from {{ ref('fct_pipeline_month_end') }}
    where lower(forecast_category) = 'commit' and stage_category <> 'fulfilment'
    group by 1, 2
),

categorised as (
    select distinct month_end
    from {{ ref('fct_pipeline_month_end') }}
    where forecast_category is not null
),

crm_commit as (
    select
        totals.* replace (
            coalesce(booked.forecast, 0) + coalesce(committed.amount, 0) as forecast, 'crm_commit' as method,
            'backtest' as origin
        )
    from totals
    inner join categorised on totals.as_of_month_end = categorised.month_end
    left join said as booked
        on booked.method = 'funnel' and booked.component = 'booked' and booked.segment_type = 'all'
        and totals.as_of_month_end = booked.as_of_month_end and totals.target_month = booked.target_month
    left join committed
        on totals.as_of_month_end = committed.month_end and totals.target_month = committed.target_month
    where totals.segment_type = 'all'
),

told as (
    select * from said
    union all
    select * from management
    union all
    select * from crm_commit
)

select
    as_of_month_end,
    target_month,
    component,
    segment_type,
    segment,
    method,
    horizon_months,
    cast(forecast as decimal(18, 2)) as forecast,
    actual,
    cast(forecast - actual as decimal(18, 2)) as error,
    abs(cast(forecast - actual as double) / nullif(cast(actual as double), 0)) as absolute_percentage_error,
    actual between cast(p10 as decimal(18, 2)) and cast(p90 as decimal(18, 2)) as is_covered,
    {%- for column, level in [('p10', 0.1), ('p50', 0.5), ('p90', 0.9)] %}
    greatest({{ level }} * (actual - {{ column }}), {{ level - 1 }} * (actual - {{ column }})) as pinball_{{ column }},
    {%- endfor %}
    origin
from told

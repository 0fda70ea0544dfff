-- One row per month end, target month that has come, component, segment and method: what was said against what came.
-- Vintages are as they were frozen when the month was closed (origin frozen), else as the forecast's own functions make
-- them of what had happened by their month end (origin backtest, and all simple methods). Of forecast_current the same
-- day of earlier months is judged (method funnel_current, of the month as_of_month_end ends).
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
)

select
    as_of_month_end,
    target_month,
    component,
    segment_type,
    segment,
    method,
    horizon_months,
    forecast,
    actual,
    cast(forecast - actual as decimal(18, 2)) as error,
    abs(cast(forecast - actual as double) / nullif(cast(actual as double), 0)) as absolute_percentage_error,
    actual between cast(p10 as decimal(18, 2)) and cast(p90 as decimal(18, 2)) as is_covered,
    {%- for column, level in [('p10', 0.1), ('p50', 0.5), ('p90', 0.9)] %}
    greatest({{ level }} * (actual - {{ column }}), {{ level - 1 }} * (actual - {{ column }})) as pinball_{{ column }},
    {%- endfor %}
    origin
from said

-- One row per month end, target month that has come, component, segment and method: what was said against what came.
-- Vintages are as the forecast's own functions make them of what had happened by their month end (origin backtest).
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
    'backtest' as origin
from judged

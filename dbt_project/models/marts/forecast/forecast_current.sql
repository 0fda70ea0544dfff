-- One row per month from the running one (horizon 0) to the ninth after it, component and segment, as of this refresh.
-- The running month's total is what was won so far and what is still expected of it. Never frozen.
with

figures as (
    select *
    from {{ ref('int_forecast') }}
    where record = 'current'
)

select
    cast({{ last_day_before(as_of()) }} as date) as as_of_date,
    cast(figures.target_month as date) as target_month,
    figures.component,
    figures.segment_type,
    figures.segment,
    cast(figures.horizon_months as integer) as horizon_months,
    cast(figures.forecast as decimal(18, 2)) as expected_revenue,
    cast(figures.p10 as decimal(18, 2)) as p10,
    cast(figures.p50 as decimal(18, 2)) as p50,
    cast(figures.p90 as decimal(18, 2)) as p90,
    '{{ var("reporting_currency") }}' as currency,
    case when figures.component = 'total' then targets.quota end as quota_amount,
    figures.method_version,
    {{ as_of() }} as known_at,
    figures.is_within_calibration = 1 as is_within_calibration,
    figures.note
from figures
left join {{ ref('fct_targets') }} as targets
    on cast(figures.target_month as date) = targets.month and figures.segment = targets.target_key
    and figures.segment_type = case targets.level when 'company' then 'all' else targets.level end

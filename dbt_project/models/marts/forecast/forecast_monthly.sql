-- One row per month end, target month 1 … 9 months after it, component and segment: the vintage of that month end.
-- Of a closed month (`funnel close`) the frozen vintage, newest revision; until a month is closed its vintage is
-- computed anew at each run from what had happened by then.
with

closed as (
    select *
    from {{ source('meta', 'frozen_vintages') }}
    where is_latest
),

figures as (
    select *
    from {{ ref('int_forecast') }}
    where record = 'vintage'
)

select
    last_day(cast(figures.as_of_month as date)) as as_of_month_end,
    {{ forecast_figures('figures') }},
    cast(figures.crm_weighted as decimal(18, 2)) as crm_weighted_amount,
    cast(figures.naive as decimal(18, 2)) as naive_amount,
    figures.method_version,
    {{ as_of() }} as known_at,
    cast(null as timestamptz) as frozen_at,
    figures.is_within_calibration = 1 as is_within_calibration,
    coalesce(figures.as_of_month + interval '1 month' <= clock.first_landed_at, true) as is_reconstructed,
    figures.note,
    cast(null as integer) as revision,
    false as is_late
from figures
cross join {{ ref('int_forecast_clock') }} as clock
{{ join_targets('figures') }}
where last_day(cast(figures.as_of_month as date)) not in (select closed.month_end from closed)
union all
select
    frozen.as_of_month_end, frozen.target_month, frozen.component, frozen.segment_type, frozen.segment,
    frozen.horizon_months, frozen.expected_revenue, frozen.p10, frozen.p50, frozen.p90, frozen.currency,
    frozen.quota_amount, frozen.crm_weighted_amount, frozen.naive_amount, frozen.method_version, closed.known_at,
    closed.frozen_at, frozen.is_within_calibration, false as is_reconstructed, frozen.note,
    closed.revision, closed.is_late
from {{ source('meta', 'frozen_forecasts') }} as frozen
inner join closed on frozen.as_of_month_end = closed.month_end

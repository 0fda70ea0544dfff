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
    {{ forecast_figures('figures') }},
    figures.method_version,
    {{ as_of() }} as known_at,
    figures.is_within_calibration = 1 as is_within_calibration,
    figures.note
from figures
{{ join_targets('figures') }}

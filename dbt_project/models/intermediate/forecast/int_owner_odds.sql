-- One row per month and owner with a quota: the odds to reach it, in the running month as of the refresh, in earlier
-- ones as the month began.
select
    cast(target_month as date) as month,
    owner_key,
    p_attain,
    cast(case when not isnan(pipeline_needed) then pipeline_needed end as decimal(18, 2)) as pipeline_needed_p80
from {{ ref('int_forecast') }}
where record = 'odds'
qualify row_number() over (partition by month, owner_key order by as_of_month nulls first) = 1

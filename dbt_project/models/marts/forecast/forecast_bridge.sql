-- One row per month end, cause, target month and deal or stage (where there is one) of the change from the vintage of
-- the month end before.
select
    last_day(cast(as_of_month as date)) as as_of_month_end,
    cast(target_month as date) as target_month,
    method as cause,
    deal_key,
    segment as stage_key,
    cast(sum(cast(forecast as decimal(18, 2))) as decimal(18, 2)) as amount
from {{ ref('int_forecast') }}
where record = 'bridge'
group by 1, 2, 3, 4, 5

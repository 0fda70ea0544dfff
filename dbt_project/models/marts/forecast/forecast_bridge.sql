-- One row per cause, target month and deal (where there is one) of the change from the vintage before to the last one.
select
    last_day(cast(as_of_month as date)) as as_of_month_end,
    cast(target_month as date) as target_month,
    method as cause,
    deal_key,
    cast(sum(cast(forecast as decimal(18, 2))) as decimal(18, 2)) as amount
from {{ ref('int_forecast') }}
where record = 'bridge'
group by 1, 2, 3, 4

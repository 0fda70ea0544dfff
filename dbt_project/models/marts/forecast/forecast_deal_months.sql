-- One row per deal open at the last month end and month after it: odds that the deal is won or lost in that month, or
-- is still open at its end, and the revenue to be expected of it in that month. As frozen where that month is closed.
select
    last_day(cast(as_of_month as date)) as as_of_month_end,
    deal_key,
    cast(target_month as date) as target_month,
    p_won,
    p_lost,
    p_open,
    cast(forecast as decimal(18, 2)) as expected_amount
from {{ ref('int_forecast') }}
where record = 'deal'
    and last_day(cast(as_of_month as date)) not in (
        select closed.month_end
        from {{ source('meta', 'frozen_vintages') }} as closed
        where closed.is_latest
    )
union all
select as_of_month_end, deal_key, target_month, p_won, p_lost, p_open, expected_amount
from {{ source('meta', 'frozen_deal_months') }}
where as_of_month_end = (
        select last_day(cast(clock.as_of - interval '1 month' as date)) from {{ ref('int_forecast_clock') }} as clock
    )

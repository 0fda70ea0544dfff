-- One row per deal open at the last month end and month after it: odds that the deal is won or lost in that month, or
-- is still open at its end, and the revenue to be expected of it in that month; beside it what the deal said of itself,
-- as the forecast took it. As frozen where that month is closed.
with

odds as (
    select *
    from {{ ref('int_forecast') }}
    where record = 'deal'
        and last_day(cast(as_of_month as date)) not in (
            select closed.month_end
            from {{ source('meta', 'frozen_vintages') }} as closed
            where closed.is_latest
        )
),

known as (
    select
        deal_key, amount, native_amount, currency_key, close_date,
        row_number() over (partition by deal_key order by happened_at desc) as age
    from {{ ref('int_forecast_histories') }}
    where happened_at < (select max(odds.as_of_month) + interval '1 month' from odds)
)

select
    last_day(cast(odds.as_of_month as date)) as as_of_month_end,
    odds.deal_key,
    cast(odds.target_month as date) as target_month,
    odds.p_won,
    odds.p_lost,
    odds.p_open,
    cast(odds.forecast as decimal(18, 2)) as expected_amount,
    cast(known.native_amount as decimal(18, 2)) as amount,
    nullif(known.currency_key, '') as currency,
    cast(known.amount as decimal(18, 2)) as amount_reporting,
    cast(date_trunc('month', known.close_date) as date) as close_month
from odds
left join known on odds.deal_key = known.deal_key and known.age = 1
union all
select
    as_of_month_end, deal_key, target_month, p_won, p_lost, p_open, expected_amount, amount, currency,
    amount_reporting, close_month
from {{ source('meta', 'frozen_deal_months') }}
where as_of_month_end = (
        select last_day(cast(clock.as_of - interval '1 month' as date)) from {{ ref('int_forecast_clock') }} as clock
    )

-- One row per deal open at as_of: odds of a win within one, two, three and nine months, and what it will bring.
select
    deal_key, win_30d, win_60d, win_90d, p_won, p_lost, p_push, amount_if_won,
    cast(target_month as date) as likeliest_month,
    cast(forecast as decimal(18, 2)) as expected_amount
from {{ ref('int_forecast') }}
where record = 'outlook'

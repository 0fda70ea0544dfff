-- Attributed and unattributed revenue is the won revenue, spend is the vendors' total: to the cent, a month and model.
with attributed as (
    select month, attribution_model, sum(won_amount) as won_amount, sum(spend) as spend
    from {{ ref('mart_marketing_performance_monthly') }}
    group by month, attribution_model
),

won as (
    select won_month as month, coalesce(sum(amount_reporting), 0) as amount
    from {{ ref('fct_won_revenue') }}
    where not is_reversed
    group by won_month
),

spent as (
    select {{ month_of('date') }} as month, coalesce(sum(cost_reporting), 0) as cost
    from {{ ref('fct_campaign_days') }}
    group by {{ month_of('date') }}
)

select
    attributed.month,
    attributed.attribution_model,
    attributed.won_amount,
    won.amount,
    attributed.spend,
    spent.cost
from attributed
left join won on attributed.month = won.month
left join spent on attributed.month = spent.month
where
    attributed.won_amount is distinct from coalesce(won.amount, 0)
    or attributed.spend is distinct from coalesce(spent.cost, 0)
union all
select
    won.month, null as attribution_model, null as won_amount, won.amount, null as spend, null as cost
from won
left join attributed on won.month = attributed.month
where attributed.month is null and won.amount <> 0

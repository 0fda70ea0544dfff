-- One row per month, connection, currency and outcome with amounts that no rate turns into the reporting currency, as
-- they are: missing from every sum of amounts of that month, counted beside it. Empty where all is converted.
with

amounts as (
    select
        closed.month, closed.source, closed.outcome, closed.amount_at_close as amount,
        coalesce(closings.currency_at_close, currencies.home_currency) as currency
    from {{ ref('int_sales_closings') }} as closed
    inner join {{ ref('int_deal_closings') }} as closings on closed.deal_key = closings.deal_key
    left join {{ ref('int_deal_currencies') }} as currencies on closed.deal_key = currencies.deal_key
    where closed.is_unconverted
    union all
    select
        {{ month_of('stood.month_end') }} as month, deals.source, 'open' as outcome, stood.amount,
        coalesce(stood.currency, currencies.home_currency) as currency
    from {{ ref('fct_pipeline_month_end') }} as stood
    inner join {{ ref('dim_deals') }} as deals on stood.deal_key = deals.deal_key
    left join {{ ref('int_deal_currencies') }} as currencies on stood.deal_key = currencies.deal_key
    where stood.amount is not null and stood.amount_reporting is null
    union all
    select
        months.month, deals.source, 'open' as outcome, deals.amount,
        coalesce(deals.currency, currencies.home_currency) as currency
    from {{ ref('dim_deals') }} as deals
    inner join {{ ref('int_months') }} as months on not months.is_complete_month
    left join {{ ref('int_deal_currencies') }} as currencies on deals.deal_key = currencies.deal_key
    where deals.is_open and not deals.is_deleted and deals.amount is not null and deals.amount_reporting is null
)

select
    month,
    source,
    coalesce(currency, 'unknown') as currency,
    outcome,
    count(*) as deal_count,
    cast(sum(amount) as decimal(18, 2)) as amount
from amounts
group by all

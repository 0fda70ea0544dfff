-- An amount in a foreign currency is converted by a rate that someone gave, or is missing: never taken one to one by
-- default. An amount in the reporting currency stays as it is.
with

amounts as (
    select deals.deal_key, deals.source, deals.amount, deals.amount_reporting,
        coalesce(deals.currency, home.home_currency) as currency
    from {{ ref('dim_deals') }} as deals
    left join {{ ref('int_home_currencies') }} as home on deals.source = home.source
    union all
    select month_ends.deal_key, deals.source, month_ends.amount, month_ends.amount_reporting,
        coalesce(month_ends.currency, home.home_currency) as currency
    from {{ ref('fct_pipeline_month_end') }} as month_ends
    inner join {{ ref('dim_deals') }} as deals on month_ends.deal_key = deals.deal_key
    left join {{ ref('int_home_currencies') }} as home on deals.source = home.source
)

select amounts.deal_key
from amounts
left join {{ ref('int_deals') }} as deals on amounts.deal_key = deals.deal_key
where
    (amounts.currency = '{{ var("reporting_currency") }}' and amounts.amount is distinct from amounts.amount_reporting)
    or (amounts.amount is null and amounts.amount_reporting is not null)
    or (
        coalesce(amounts.currency, '') <> '{{ var("reporting_currency") }}' and amounts.amount_reporting is not null
        and deals.exchange_rate is null
        and not exists (
            select 1 from {{ ref('int_exchange_rates') }} as rates
            where rates.source = amounts.source and rates.currency = amounts.currency
        )
    )

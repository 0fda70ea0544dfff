-- One row per deal: what is needed to convert its amounts, home currency and the rate the CRM keeps on the deal itself.
select
    deals.deal_key,
    deals.source,
    coalesce(deals.currency, home.home_currency) as currency,
    home.home_currency,
    -- the CRM's rate is into its home currency: it helps only where that is the reporting one
    case
        when home.home_currency = '{{ var("reporting_currency") }}' and deals.exchange_rate > 0
            then cast(deals.exchange_rate as decimal(18, 8))
    end as own_rate
from {{ ref('int_deals') }} as deals
left join {{ ref('int_home_currencies') }} as home on deals.source = home.source

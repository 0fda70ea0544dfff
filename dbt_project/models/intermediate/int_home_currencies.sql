-- One row per connection: the currency its null-currency deals are in. Configured, else the currency of the deals whose
-- rate is 1, else the only currency there is, else (a portal that names no currency at all) the reporting currency.
with

deals as (
    select source, currency, exchange_rate from {{ ref('int_deals') }}
),

at_par as (
    select source, currency
    from deals
    where exchange_rate = 1 and currency is not null
    group by source, currency
    qualify row_number() over (partition by source order by count(*) desc, currency) = 1
),

named as (
    select source, count(distinct currency) as currencies, min(currency) as only_currency
    from deals
    group by source
)

select
    named.source,
    case
        when configured.home_currency is not null then configured.home_currency
        when at_par.currency is not null then at_par.currency
        when named.currencies = 1 then named.only_currency
        when named.currencies = 0 then '{{ var("reporting_currency") }}'
    end as home_currency,
    case
        when configured.home_currency is not null then 'configured'
        when at_par.currency is not null then 'rate of 1'
        when named.currencies = 1 then 'only currency'
        when named.currencies = 0 then 'no currency named'
    end as origin
from named
left join at_par on named.source = at_par.source
left join {{ source('meta', 'configured_sources') }} as configured on named.source = configured.source

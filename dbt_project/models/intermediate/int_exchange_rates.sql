-- One row per connection, currency, kind and span of days: units of the reporting currency for one unit. Spans of one
-- (source, currency, kind) never overlap, so a join on the day finds one row or none. A missing rate is never 1.
-- In order: the company's own, the CRM's, the banks'.
with

crm as (
    -- the portal's own rate, when its home currency is the reporting one: that of the deal touched last
    select deals.source, deals.currency, cast(deals.exchange_rate as decimal(18, 8)) as rate
    from {{ ref('int_deals') }} as deals
    inner join {{ ref('int_home_currencies') }} as home on deals.source = home.source
    where home.home_currency = '{{ var("reporting_currency") }}' and deals.exchange_rate > 0
        and deals.currency <> home.home_currency
    qualify row_number() over (
        partition by deals.source, deals.currency order by deals.updated_at desc nulls last, deals.source_deal_id desc
    ) = 1
),

currencies as (
    select source, currency
    from {{ ref('int_deal_states') }}
    where currency is not null
    union
    select source, home_currency as currency
    from {{ ref('int_home_currencies') }}
    where home_currency is not null
    union
    select source, currency
    from {{ ref('int_campaign_days') }}
    where currency is not null
),

-- closings use spot, month ends month_end, and each the other where the company gave only one; plan stands alone
wanted (kind, given_kind, preference) as (
    values ('spot', 'spot', 1), ('spot', 'month_end', 2),
    ('month_end', 'month_end', 1), ('month_end', 'spot', 2), ('plan', 'plan', 1)
),

given as (
    select
        currencies.source, currencies.currency, wanted.kind, rates.rate,
        coalesce(rates.date, date '0001-01-01') as valid_from
    from currencies
    inner join {{ source('meta', 'configured_rates') }} as rates on currencies.currency = rates.currency
    inner join wanted on rates.kind = wanted.given_kind
    where currencies.currency <> '{{ var("reporting_currency") }}'
    qualify dense_rank() over (
        partition by currencies.source, currencies.currency, wanted.kind order by wanted.preference
    ) = 1
),

given_since as (
    select source, currency, kind, min(valid_from) as first_day
    from given
    group by 1, 2, 3
),

starts as (
    select source, currency, kind, valid_from, cast(rate as decimal(18, 8)) as rate, 'configured' as origin from given
    union all
    -- before the first given day, or where none is given, the portal's own rate
    select crm.source, crm.currency, kinds.kind, date '0001-01-01' as valid_from, crm.rate, 'crm' as origin
    from crm
    cross join (values ('spot'), ('month_end')) as kinds (kind)
    left join given
        on crm.source = given.source and crm.currency = given.currency and kinds.kind = given.kind
        and given.valid_from = date '0001-01-01'
    where given.source is null
    union all
    -- the banks' where the CRM knows none, up to the first given day
    select currencies.source, currencies.currency, banks.kind, banks.valid_from, banks.rate, banks.origin
    from currencies
    inner join {{ ref('int_bank_rates') }} as banks on currencies.currency = banks.currency
    left join crm on currencies.source = crm.source and currencies.currency = crm.currency
    left join given_since
        on currencies.source = given_since.source and currencies.currency = given_since.currency
        and banks.kind = given_since.kind
    where crm.source is null and (given_since.first_day is null or banks.valid_from < given_since.first_day)
    union all
    select
        currencies.source, currencies.currency, kinds.kind, date '0001-01-01' as valid_from, 1 as rate,
        'reporting currency' as origin
    from currencies
    cross join (values ('spot'), ('month_end'), ('plan')) as kinds (kind)
    where currencies.currency = '{{ var("reporting_currency") }}'
),

spans as (
    select
        source, currency, kind, valid_from,
        lead(valid_from) over (partition by source, currency, kind order by valid_from) as valid_to,
        rate, origin
    from starts
)

select source, currency, kind, valid_from, valid_to, cast(rate as decimal(24, 12)) as rate, origin
from spans
where rate > 0

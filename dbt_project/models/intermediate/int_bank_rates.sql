-- One row per currency that deals are in, kind (spot: day by day, month_end: by month) and day from which on the rate
-- holds: units of the reporting currency for one unit, by the banks that funnel.yml names. A null rate ends the one
-- before. A day without a quote takes the last one before, as long as the bank goes on quoting the currency: one that
-- has listed fourteen later days without it quotes it no more (the ECB and the rouble).
{%- set reporting = var("reporting_currency") %}
{%- set carried_days = 14 %}
with

used as (
    select
        coalesce(states.currency, home.home_currency) as currency,
        least(
            min({{ to_reporting_date('states.valid_from') }}), min({{ to_reporting_date('states.close_date_at') }})
        ) as first_day
    from {{ ref('int_deal_states') }} as states
    left join {{ ref('int_home_currencies') }} as home on states.source = home.source
    where coalesce(states.currency, home.home_currency) is distinct from '{{ reporting }}'
    group by 1
),

listed as (
    {%- for bank in var('banks') %}
    select quotes.*
    from {{ ref('stg_' ~ bank ~ '__exchange_rates') }} as quotes
    inner join {{ source('meta', 'configured_sources') }} as configured
        on quotes.source = configured.source and configured.vendor = '{{ bank }}'
    -- nothing foreign: nothing is read
    where (select count(used.currency) from used) > 0
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

-- what a bank publishes for days to come is not true yet
known as (
    select *
    from listed
    where day <= {{ last_day_before(as_of()) }}
),

banks as (
    select bank, base_currency, min(day) as first_day, max(day) as last_day
    from known
    group by 1, 2
),

span as (
    select max(last_day) as last_day from banks
),

quotes as (
    select
        known.bank, known.base_currency, known.currency, known.day, known.value, banks.last_day,
        lead(known.day) over (partition by known.bank, known.currency order by known.day) as next_day
    from known
    inner join banks on known.bank = banks.bank
    where known.currency in (select used.currency from used) or known.currency in ('{{ reporting }}', 'EUR')
),

held as (
    select
        bank, base_currency, currency, value, day as first_day,
        case
            when least(coalesce(next_day, last_day), last_day) - day > {{ carried_days }} then day + {{ carried_days }}
            else coalesce(next_day - 1, (select span.last_day from span))
        end as last_day
    from quotes
),

daily as (
    select bank, base_currency, currency, value, {{ explode(days_between('first_day', 'last_day'), 'day') }}
    from held
    union all
    select
        bank, base_currency, base_currency as currency, 1 as value,
        {{ explode(days_between('first_day', '(select last_day from span)'), 'day') }}
    from banks
),

-- a bank's rate against its own currency is its own figure; between two others it is a cross
direct as (
    select
        theirs.currency, theirs.day, theirs.value / ours.value as rate, theirs.bank as origin,
        case when theirs.base_currency in (theirs.currency, ours.currency) then 1 else 2 end as preference
    from daily as theirs
    inner join daily as ours on theirs.bank = ours.bank and theirs.day = ours.day
    where ours.currency = '{{ reporting }}' and theirs.currency <> '{{ reporting }}'
),

-- where no bank quotes both: what each is worth in euros, by the first bank that knows
in_euros as (
    select theirs.currency, theirs.day, theirs.value / euro.value as euros
    from daily as theirs
    inner join daily as euro on theirs.bank = euro.bank and theirs.day = euro.day
    where euro.currency = 'EUR'
    qualify row_number() over (
        partition by theirs.currency, theirs.day order by {{ bank_order('theirs.bank') }}
    ) = 1
),

paths as (
    select currency, day, rate, origin, preference from direct
    union all
    select
        theirs.currency, theirs.day, theirs.euros / ours.euros as rate, '{{ var("banks") | join("/") }}' as origin,
        3 as preference
    from in_euros as theirs
    inner join in_euros as ours on theirs.day = ours.day
    where ours.currency = '{{ reporting }}' and theirs.currency <> '{{ reporting }}'
),

chosen as (
    select currency, day, rate, origin
    from paths
    where currency in (select used.currency from used)
    qualify row_number() over (partition by currency, day order by preference, {{ bank_order('origin') }}) = 1
),

days as (
    select
        currency,
        {{ explode(
            days_between(
                'greatest((select min(first_day) from banks), least(first_day, (select last_day from span)))',
                '(select last_day from span)'
            ), 'day'
        ) }}
    from used
    where currency is not null
),

grid as (
    select days.currency, days.day, chosen.rate, chosen.origin
    from days
    left join chosen on days.currency = chosen.currency and days.day = chosen.day
),

kinds as (
    select currency, 'spot' as kind, day as valid_from, rate, origin from grid
    union all
    select currency, 'month_end' as kind, {{ month_of('day') }} as valid_from, rate, origin
    from grid
    qualify row_number() over (partition by currency, {{ month_of('day') }} order by day desc) = 1
),

compared as (
    select
        *,
        row_number() over (partition by currency, kind order by valid_from) as number,
        lag(rate) over (partition by currency, kind order by valid_from) as rate_before,
        lag(origin) over (partition by currency, kind order by valid_from) as origin_before
    from kinds
)

select currency, kind, valid_from, cast(rate as decimal(24, 12)) as rate, origin
from compared
where number = 1 or rate is distinct from rate_before or origin is distinct from origin_before

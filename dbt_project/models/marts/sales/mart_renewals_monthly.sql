-- One row per month in which renewals are due and pipeline that has any, without gaps: what there was to renew, and
-- what became of it. Won up to the end of the grace window (dbt var renewal_grace_days) belongs to the due month; later
-- is lost.
with

won as (
    select deal_key, amount, currency, coalesce(close_date, {{ to_reporting_date('won_at') }}) as won_day
    from {{ ref('fct_won_revenue') }}
    where not is_reversed
),

renewals as (
    select
        deals.deal_key, deals.source, deals.pipeline_key, deals.renewal_due_date, deals.is_renewal_inferred,
        deals.available_amount, deals.available_currency, won.amount as won_amount, won.currency as won_currency,
        case
            when won.won_day <= deals.renewal_due_date + {{ var('renewal_grace_days') }} then 'won'
            when won.won_day is not null then 'late'
            when deals.outcome = 'lost' then 'lost'
            else 'open'
        end as fate
    from {{ ref('dim_deals') }} as deals
    left join won on deals.deal_key = won.deal_key
    where
        not deals.is_deleted and deals.outcome <> 'void' and deals.renewal_due_date is not null
        and (deals.deal_type = 'renewal' or deals.renewal_of_deal_key is not null)
),

amounts as (
    select
        deal_key, source, renewal_due_date, 'available' as kind, available_amount as amount,
        available_currency as currency
    from renewals
    union all
    select deal_key, source, renewal_due_date, 'won' as kind, won_amount as amount, won_currency as currency
    from renewals
    where fate = 'won'
),

-- both at one rate, the constant one or that of the due day: a share must not move with currencies
priced as (
    select
        amounts.deal_key, amounts.kind,
        coalesce(
            {{ converted('amounts.amount', 'plan_rates.rate') }},
            {{ converted('amounts.amount', rate_of(
                'spot_rates', 'currencies', 'coalesce(amounts.currency, currencies.home_currency)'
            )) }}
        ) as value_reporting
    from amounts
    left join {{ ref('int_deal_currencies') }} as currencies on amounts.deal_key = currencies.deal_key
    {{ join_rate(
        'plan_rates', 'amounts.source', 'coalesce(amounts.currency, currencies.home_currency)', "'plan'",
        'amounts.renewal_due_date'
    ) }}
    {{ join_rate(
        'spot_rates', 'amounts.source', 'coalesce(amounts.currency, currencies.home_currency)', "'spot'",
        'amounts.renewal_due_date'
    ) }}
),

valued as (
    select
        deal_key,
        max(value_reporting) filter (where kind = 'available') as available,
        max(value_reporting) filter (where kind = 'won') as renewed
    from priced
    group by 1
),

-- nothing known to renew, or no telling for how much it was renewed: counted, in no share
weighed as (
    select
        renewals.*,
        {{ month_of('renewals.renewal_due_date') }} as due_month,
        valued.available,
        valued.renewed,
        coalesce(valued.available > 0, false) and (renewals.fate <> 'won' or valued.renewed is not null) as is_valued
    from renewals
    left join valued on renewals.deal_key = valued.deal_key
),

summed as (
    select
        due_month, pipeline_key,
        count(*) as due_count,
        {%- for fate in ['won', 'lost', 'late', 'open'] %}
        count(*) filter (where fate = '{{ fate }}') as {{ fate }}_count,
        {%- endfor %}
        count(*) filter (where is_renewal_inferred) as inferred_count,
        count(*) filter (where not is_valued) as without_value_count,
        sum(available) filter (where is_valued) as available_amount,
        sum(greatest(least(renewed, available), 0)) filter (where is_valued and fate = 'won') as won_gross,
        sum(renewed) filter (where is_valued and fate = 'won') as won_net,
        sum(available - greatest(least(renewed, available), 0)) filter (where is_valued and fate = 'won')
            as contraction_amount,
        sum(available) filter (where is_valued and fate in ('lost', 'late')) as lost,
        sum(available) filter (where is_valued and fate = 'late') as late_amount,
        sum(available) filter (where is_valued and fate = 'open') as open
    from weighed
    group by 1, 2
),

span as (
    select min(month) as first_month, max(month) as last_month
    from (
        select due_month as month from summed
        union all
        select month from {{ ref('int_months') }}
    ) as all_months
),

months as (
    select cast(series.month as date) as due_month
    from span,
        unnest(generate_series(
            cast(span.first_month as timestamp), cast(span.last_month as timestamp), interval '1 month'
        )) as series (month)
),

pipelines as (
    select pipeline_key from summed
    union
    select pipeline_key from {{ ref('dim_pipelines') }}
    where is_renewal_pipeline and is_included
)

select
    months.due_month,
    pipelines.pipeline_key,
    {%- for name in ['due', 'won', 'lost', 'late', 'open', 'inferred', 'without_value'] %}
    coalesce(summed.{{ name }}_count, 0) as {{ name }}_count,
    {%- endfor %}
    {%- for name in ['available_amount', 'won_gross', 'won_net', 'contraction_amount', 'lost', 'late_amount', 'open'] %}
    cast(coalesce(summed.{{ name }}, 0) as decimal(18, 2)) as {{ name }},
    {%- endfor %}
    cast(coalesce(summed.won_gross, 0) as double) / nullif(summed.available_amount, 0) as renewal_rate_gross,
    cast(coalesce(summed.won_net, 0) as double) / nullif(summed.available_amount, 0) as renewal_rate_net,
    {{ start_of_reporting_day('last_day(months.due_month) + 1') }} <= {{ as_of() }} as is_complete_month,
    {{ start_of_reporting_day(
        'last_day(months.due_month) + 1 + ' ~ var('renewal_grace_days')
    ) }} <= {{ as_of() }} as is_mature
from months
cross join pipelines
left join summed on months.due_month = summed.due_month and pipelines.pipeline_key = summed.pipeline_key

{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ drop_touched(running_month=true) }}",
    post_hook="{{ remember_build() }}",
    meta={'shared': {
        'int_months': 'case when is_complete_month then hash(month_end, ends_at) end',
        'int_stages': 'hash(stage_key, stage_category)',
        'int_exchange_rates': 'hash(source, currency, kind, valid_from, valid_to, rate, origin)',
        'int_home_currencies': 'hash(source, home_currency)'
    }}
) }}
-- depends_on: {{ ref('int_stage_visits') }}
-- depends_on: {{ ref('int_stages') }}
-- depends_on: {{ ref('int_home_currencies') }}
-- One row per movement of open value, and per month and deal open at its start (opening) or its end (closing). Opening
-- and closing are what stood there (fct_pipeline_month_end; the running month: dim_deals), movements come from events
-- alone: that opening + movements = closing is a test. A basis that looks at close dates holds the deals to close in
-- the month (fiscal quarter) of an instant; at its last microsecond what did not close is pushed_out and the next one's
-- deals are pulled_in, so that each month opens with its own deals. Complete months are kept by deal, the running one
-- is computed anew for all deals: what stands in it and at which rate moves with as_of.
with

months as (
    select
        *,
        {{ quarter_of('month') }} as quarter,
        -- the day whose month and quarter count once the month is over
        case when is_complete_month then month_end + 1 else month end as day_after,
        {{ quarter_of('case when is_complete_month then month_end + 1 else month end') }} as quarter_after,
        case when is_complete_month then month_end else {{ last_day_before('seen_at') }} end as rate_day
    from {{ ref('int_months') }}
),

-- `is_anew`: all of the deal's months are computed in this build, not the running one alone
stood_before as {{ 'materialized ' if is_incremental() }}(
    select *
    from (
        select
            month_end, deal_key, pipeline_key, owner_key, amount, currency, close_date,
            {{ is_touched('deal_key') }} as is_anew
        from {{ ref('fct_pipeline_month_end') }}
    ) as month_ends
    where
        is_anew
        or month_end = (
            select max(months.month_end)
            from months
            where months.is_complete_month
        )
),

standing as (
    select
        {{ month_of('month_end') }} as month, deal_key, pipeline_key, owner_key, amount, currency, close_date, is_anew
    from stood_before
    union all
    select
        months.month, deals.deal_key, deals.pipeline_key, deals.owner_key,
        deals.amount, deals.currency, deals.close_date, true as is_anew
    from {{ ref('dim_deals') }} as deals
    inner join months on not months.is_complete_month
    where deals.is_open and not deals.is_deleted and deals.stage_key is not null
),

stood as (
    select
        standing.month, months.day_after, months.ends_at, months.seen_at, months.is_complete_month,
        standing.deal_key, standing.pipeline_key, standing.owner_key, standing.currency, standing.amount,
        standing.is_anew,
        {{ lies_in('standing.close_date', 'months.month', 1) }} as was_in_month,
        {{ lies_in('standing.close_date', 'months.quarter', 3) }} as was_in_quarter,
        {{ lies_in('standing.close_date', 'months.day_after', 1) }} as is_in_month,
        {{ lies_in('standing.close_date', 'months.quarter_after', 3) }} as is_in_quarter
    from standing
    inner join months on standing.month = months.month
),

steps as (
    select
        steps.*,
        {{ lies_in('steps.close_date_before', 'months.month', 1) }} as was_in_month,
        {{ lies_in('steps.close_date_before', 'months.quarter', 3) }} as was_in_quarter,
        {{ lies_in('steps.close_date_after', 'months.month', 1) }} as is_in_month,
        {{ lies_in('steps.close_date_after', 'months.quarter', 3) }} as is_in_quarter
    from (
        select *, {{ to_reporting_month('occurred_at') }} as month, {{ is_touched('deal_key') }} as is_anew
        from {{ ref('int_open_value_steps') }}
    ) as steps
    left join months on steps.month = months.month
    where steps.is_anew or months.is_complete_month is not true
),

-- each with what it is in: all open deals, those to close in the month, in the quarter
told as (
    select
        months.month, months.starts_at as occurred_at, 0 as step, 'opening' as movement, stood.deal_key,
        stood.pipeline_key, stood.owner_key, stood.currency, null as value_from, stood.amount as value_to,
        true as in_all, stood.is_in_month as in_month, stood.is_in_quarter as in_quarter
    from stood
    inner join months
        on stood.is_complete_month and stood.day_after = months.month
        and (stood.is_anew or not months.is_complete_month)
    union all
    select
        month, occurred_at, step, movement, deal_key, pipeline_key, owner_key, currency, value_from, value_to,
        movement not in ('pushed_out', 'pulled_in') as in_all,
        {%- for period in ['month', 'quarter'] %}
        case movement
            when 'pushed_out' then was_in_{{ period }} and not is_in_{{ period }}
            when 'pulled_in' then is_in_{{ period }} and not was_in_{{ period }}
            when 'owner_out' then was_in_{{ period }} and is_in_{{ period }}
            when 'owner_in' then was_in_{{ period }} and is_in_{{ period }}
            else was_in_{{ period }}
        end as in_{{ period }}{{ ',' if not loop.last }}
        {%- endfor %}
    from steps
    union all
    select
        month, ends_at - interval '1 microsecond' as occurred_at, 2000000 as step, 'pushed_out' as movement, deal_key,
        pipeline_key, owner_key, currency, amount as value_from, null as value_to,
        false as in_all, was_in_month and not is_in_month as in_month,
        was_in_quarter and not is_in_quarter as in_quarter
    from stood
    where is_anew and ((was_in_month and not is_in_month) or (was_in_quarter and not is_in_quarter))
    union all
    select
        month, ends_at - interval '1 microsecond' as occurred_at, 2000000 as step, 'pulled_in' as movement, deal_key,
        pipeline_key, owner_key, currency, null as value_from, amount as value_to,
        false as in_all, is_in_month and not was_in_month as in_month,
        is_in_quarter and not was_in_quarter as in_quarter
    from stood
    where is_anew and ((is_in_month and not was_in_month) or (is_in_quarter and not was_in_quarter))
    union all
    select
        month, seen_at as occurred_at, 3000000 as step, 'closing' as movement, deal_key,
        pipeline_key, owner_key, currency, null as value_from, amount as value_to,
        true as in_all, is_in_month as in_month, is_in_quarter as in_quarter
    from stood
    where is_anew
),

-- the month's own rate, one row or none: days are looked up here, and not once a movement
month_rates as (
    select months.month, rates.source, rates.currency, rates.rate, rates.origin
    from months
    inner join {{ ref('int_exchange_rates') }} as rates
        on rates.kind = 'month_end' and months.rate_day >= rates.valid_from
        and (rates.valid_to is null or months.rate_day < rates.valid_to)
),

priced as (
    select
        told.*,
        coalesce(told.currency, currencies.home_currency, 'unknown') as currency_used,
        {{ rate_of('rates', 'currencies', "coalesce(told.currency, currencies.home_currency)") }} as rate
    from told
    left join {{ ref('int_deal_currencies') }} as currencies on told.deal_key = currencies.deal_key
    left join month_rates as rates
        on told.month = rates.month and currencies.source = rates.source
        and coalesce(told.currency, currencies.home_currency) = rates.currency
),

valued as (
    select
        month, deal_key, pipeline_key, owner_key, movement, currency_used, occurred_at, step,
        in_all, in_month, in_quarter,
        {{ change_of('value_from', 'value_to') }} as amount,
        -- wide decimals are dear: most movements are of one value, and in the reporting currency
        case
            when rate = 1 then {{ change_of('value_from', 'value_to') }}
            else {{ change_of(converted('value_from', 'rate'), converted('value_to', 'rate')) }}
        end as amount_reporting
    from priced
)

select
    valued.month,
    valued.deal_key,
    valued.pipeline_key,
    valued.owner_key,
    bases.basis,
    valued.movement,
    valued.amount,
    valued.currency_used as currency,
    valued.amount_reporting,
    valued.occurred_at,
    valued.step
from valued
cross join (values ('all_open'), ('close_in_month'), ('close_in_quarter')) as bases (basis)
where case bases.basis
    when 'all_open' then valued.in_all
    when 'close_in_month' then valued.in_month
    else valued.in_quarter
end

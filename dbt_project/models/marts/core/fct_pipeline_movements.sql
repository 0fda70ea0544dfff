-- One row per movement of open value, and per month and deal open at its start (opening) or its end (closing). Opening
-- and closing are what stood there (fct_pipeline_month_end; the running month: dim_deals), movements come from events
-- alone: that opening + movements = closing is a test. A basis that looks at close dates holds the deals to close in
-- the month (fiscal quarter) of an instant; at its last microsecond what did not close is pushed_out and the next one's
-- deals are pulled_in, so that each month opens with its own deals.
with

months as (
    select
        *,
        -- the day whose month and quarter count once the month is over
        case when is_complete_month then month_end + 1 else month end as day_after,
        case when is_complete_month then month_end else {{ last_day_before('seen_at') }} end as rate_day
    from {{ ref('int_months') }}
),

standing as (
    select
        {{ month_of('month_end') }} as month, deal_key, pipeline_key, owner_key, amount, currency, close_date
    from {{ ref('fct_pipeline_month_end') }}
    union all
    select
        months.month, deals.deal_key, deals.pipeline_key, deals.owner_key,
        deals.amount, deals.currency, deals.close_date
    from {{ ref('dim_deals') }} as deals
    inner join months on not months.is_complete_month
    where deals.is_open and not deals.is_deleted and deals.stage_key is not null
),

stood as (
    select
        standing.month, months.month_end, months.day_after, months.ends_at, months.seen_at, months.is_complete_month,
        standing.deal_key, standing.pipeline_key, standing.owner_key, standing.amount, standing.close_date,
        coalesce(standing.currency, currencies.home_currency, 'unknown') as currency
    from standing
    inner join months on standing.month = months.month
    left join {{ ref('int_deal_currencies') }} as currencies on standing.deal_key = currencies.deal_key
),

bases (basis) as (values ('all_open'), ('close_in_month'), ('close_in_quarter')),

stood_by_basis as (
    select
        stood.*,
        bases.basis,
        coalesce({{ closes_in('bases.basis', 'stood.close_date', 'stood.month') }}, false) as is_in,
        coalesce({{ closes_in('bases.basis', 'stood.close_date', 'stood.day_after') }}, false) as is_in_after
    from stood
    cross join bases
),

steps as (
    select
        steps.*,
        bases.basis,
        {{ month_of('steps.day') }} as month,
        coalesce({{ closes_in('bases.basis', 'steps.close_date_before', 'steps.day') }}, false) as is_in,
        coalesce({{ closes_in('bases.basis', 'steps.close_date_after', 'steps.day') }}, false) as is_in_after
    from (
        select *, {{ to_reporting_date('occurred_at') }} as day from {{ ref('int_open_value_steps') }}
    ) as steps
    cross join bases
),

rows_of_all as (
    select
        stood.basis, months.month, months.starts_at as occurred_at, 0 as step, 'opening' as movement, stood.deal_key,
        stood.pipeline_key, stood.owner_key, stood.currency, null as value_from, stood.amount as value_to
    from stood_by_basis as stood
    inner join months on stood.day_after = months.month and stood.is_complete_month
    where stood.is_in_after
    union all
    select
        basis, month, occurred_at, step, movement, deal_key, pipeline_key, owner_key, currency, value_from, value_to
    from steps
    where case movement
        when 'pushed_out' then is_in and not is_in_after
        when 'pulled_in' then is_in_after and not is_in
        when 'owner_out' then is_in and is_in_after
        when 'owner_in' then is_in and is_in_after
        else is_in
    end
    union all
    select
        basis, month, ends_at - interval '1 microsecond' as occurred_at, 2000000 as step,
        case when is_in then 'pushed_out' else 'pulled_in' end as movement, deal_key, pipeline_key, owner_key, currency,
        case when is_in then amount end as value_from, case when is_in_after then amount end as value_to
    from stood_by_basis
    where is_in <> is_in_after
    union all
    select
        basis, month, seen_at as occurred_at, 3000000 as step, 'closing' as movement, deal_key,
        pipeline_key, owner_key, currency, null as value_from, amount as value_to
    from stood_by_basis
    where is_in_after
),

priced as (
    select
        rows_of_all.*,
        {{ rate_of('rates', 'currencies', 'rows_of_all.currency') }} as rate
    from rows_of_all
    inner join months on rows_of_all.month = months.month
    left join {{ ref('int_deal_currencies') }} as currencies on rows_of_all.deal_key = currencies.deal_key
    {{ join_rate('rates', 'currencies.source', 'rows_of_all.currency', "'month_end'", 'months.rate_day') }}
)

select
    month,
    deal_key,
    pipeline_key,
    owner_key,
    basis,
    movement,
    case
        when value_from is not null or value_to is not null
            then cast(coalesce(value_to, 0) - coalesce(value_from, 0) as decimal(18, 2))
    end as amount,
    currency,
    case
        when rate is not null and (value_from is not null or value_to is not null)
            then cast(
                coalesce({{ converted('value_to', 'rate') }}, 0) - coalesce({{ converted('value_from', 'rate') }}, 0)
                as decimal(18, 2)
            )
    end as amount_reporting,
    occurred_at,
    step
from priced

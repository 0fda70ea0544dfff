-- One row per closing and creation, and two per owner and month for the deals open at its end: whose it was at that
-- moment, in the team of that moment (R16). Columns of the other kinds are null.
with

standing as (
    select
        month, owner_key, amount_reporting, crm_weighted_amount,
        -- what is delivered already covers no quota
        case when not is_fulfilment then {{ month_of('close_date') }} end as due_month
    from {{ ref('int_sales_open') }}
),

stock as (
    select
        month,
        owner_key,
        sum(amount_reporting) as open_amount,
        sum(crm_weighted_amount) as crm_weighted_amount,
        sum(amount_reporting) filter (where due_month = month) as due_amount,
        -- what the next month starts with
        sum(amount_reporting) filter (
            where due_month = cast(month + interval '1 month' as date)
        ) as opening_due_amount
    from standing
    group by 1, 2
),

weighted as (
    select month, owner_key, sum(weighted_amount) as open_weighted_amount
    from {{ ref('int_forecast_weighted') }}
    group by 1, 2
),

events as (
    select
        month, owner_key, closed_at as happened_at, outcome, deal_type, is_sized, is_unconverted, amount_reporting,
        amount_plan, cycle_microseconds
    from {{ ref('int_sales_closings') }}
    union all by name
    select
        {{ to_reporting_month('created_at') }} as month, owner_key_at_creation as owner_key, created_at as happened_at,
        1 as new_deals
    from {{ ref('dim_deals') }}
    where
        not is_deleted and created_at < {{ as_of() }} and pipeline_key is not null
        and import_batch_id is null
    union all by name
    select
        stock.month, stock.owner_key, months.seen_at - interval '1 microsecond' as happened_at,
        stock.open_amount, weighted.open_weighted_amount, stock.crm_weighted_amount, stock.due_amount
    from stock
    left join weighted
        on stock.month = weighted.month and stock.owner_key is not distinct from weighted.owner_key
    inner join {{ ref('int_months') }} as months on stock.month = months.month
    union all by name
    select months.month, stock.owner_key, months.starts_at as happened_at, stock.opening_due_amount
    from stock
    inner join {{ ref('int_months') }} as months on stock.month = cast(months.month - interval '1 month' as date)
)

select events.*, versions.team_key
from events
left join {{ ref('dim_owners_history') }} as versions
    on events.owner_key = versions.owner_key and events.happened_at >= versions.valid_from
    and (versions.valid_to is null or events.happened_at < versions.valid_to)

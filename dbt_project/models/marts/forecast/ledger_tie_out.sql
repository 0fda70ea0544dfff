-- One row per month, pipeline and currency of ledger.csv or of wins between its first and last month: the books against
-- the CRM. Where every line is in the reporting currency all wins count, converted; else each currency for itself.
-- A difference is explained as far as the CRM said so once: what a closed month was restated by since, or, of a month
-- that is not closed, wins that were undone later.
with

ledger as (
    select
        entries.month,
        coalesce(pipelines.pipeline_key, entries.pipeline, 'all') as pipeline_key,
        entries.currency,
        sum(entries.amount) as amount
    from {{ source('meta', 'configured_ledger') }} as entries
    left join {{ ref('dim_pipelines') }} as pipelines
        on entries.pipeline = pipelines.pipeline_key or entries.pipeline = pipelines.pipeline_name
    group by 1, 2, 3
),

shape as (
    select
        min(month) as first_month,
        max(month) as last_month,
        bool_or(currency <> '{{ var("reporting_currency") }}') as is_native,
        bool_or(pipeline is not null) as is_by_pipeline
    from {{ source('meta', 'configured_ledger') }}
),

wins as (
    select
        won_month as month, deal_key, pipeline_key, amount, currency, amount_reporting, is_reversed, false as is_closed
    from {{ ref('fct_won_revenue') }}
    union all
    select month, deal_key, pipeline_key, amount, currency, amount_reporting, false as is_reversed, true as is_closed
    from {{ source('meta', 'frozen_wins') }}
),

counted as (
    select
        wins.month,
        case when shape.is_by_pipeline then wins.pipeline_key else 'all' end as pipeline_key,
        case
            when shape.is_native then coalesce(wins.currency, currencies.home_currency)
            else '{{ var("reporting_currency") }}'
        end as currency,
        coalesce(case when shape.is_native then wins.amount else wins.amount_reporting end, 0) as amount,
        wins.is_reversed,
        wins.is_closed
    from wins
    inner join shape on wins.month between shape.first_month and shape.last_month
    left join {{ ref('int_deal_currencies') }} as currencies on wins.deal_key = currencies.deal_key
),

won as (
    select
        month, pipeline_key, currency,
        coalesce(sum(amount) filter (where not is_closed and not is_reversed), 0) as won_amount,
        coalesce(sum(amount) filter (where not is_closed and is_reversed), 0) as undone_amount,
        coalesce(sum(amount) filter (where is_closed), 0) as closed_amount
    from counted
    where currency is not null
    group by 1, 2, 3
),

closed as (
    select distinct cast(date_trunc('month', month_end) as date) as month
    from {{ source('meta', 'frozen_vintages') }}
),

sides as (
    select
        coalesce(ledger.month, won.month) as month,
        coalesce(ledger.pipeline_key, won.pipeline_key) as pipeline_key,
        coalesce(ledger.currency, won.currency) as currency,
        ledger.month is not null as is_in_ledger,
        coalesce(ledger.amount, 0) as ledger_amount,
        coalesce(won.won_amount, 0) as won_amount,
        coalesce(won.undone_amount, 0) as undone_amount,
        coalesce(won.closed_amount, 0) as closed_amount
    from ledger
    full join won
        on ledger.month = won.month and ledger.pipeline_key = won.pipeline_key and ledger.currency = won.currency
),

compared as (
    select
        sides.*,
        sides.ledger_amount - sides.won_amount as difference,
        case when closed.month is not null then sides.closed_amount - sides.won_amount else sides.undone_amount end
            as once_more,
        closed.month is not null as is_closed_month
    from sides
    left join closed on sides.month = closed.month
),

explained as (
    select
        *,
        case
            when difference > 0 and once_more > 0 then least(difference, once_more)
            when difference < 0 and once_more < 0 then greatest(difference, once_more)
            else 0
        end as explained_amount
    from compared
)

select
    month,
    pipeline_key,
    currency,
    is_in_ledger,
    cast(ledger_amount as decimal(18, 2)) as ledger_amount,
    cast(won_amount as decimal(18, 2)) as won_amount,
    cast(difference as decimal(18, 2)) as difference,
    cast(explained_amount as decimal(18, 2)) as explained_amount,
    case
        when explained_amount = 0 then null
        when is_closed_month then 'restated since the close'
        else 'wins undone later'
    end as explanation,
    cast(difference - explained_amount as decimal(18, 2)) as unexplained_amount
from explained

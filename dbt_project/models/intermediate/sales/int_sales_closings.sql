-- One row per deal that is closed now (won, lost or void stage), neither deleted nor merged away: in which month it
-- counts, and its amount at close in the reporting currency (close-date rate; constant plan rate, else the former).
with

closed as (
    select
        deals.deal_key, deals.source, deals.pipeline_key, deals.outcome, deals.closed_at,
        deals.owner_key_at_close as owner_key, deals.deal_type, deals.original_source, deals.lost_reason,
        -- a bulk import's deals were born elsewhere: how long they took, nobody knows
        case when deals.import_batch_id is null then deals.sales_cycle_days end as sales_cycle_days,
        case
            when deals.import_batch_id is null
                then greatest({{ epoch_us('deals.closed_at') }} - {{ epoch_us('deals.created_at') }}, 0)
        end as cycle_microseconds,
        deals.amount_at_close,
        {{ closing_day('deals.close_date', 'deals.closed_at') }} as closing_day,
        coalesce(closings.currency_at_close, currencies.home_currency) as currency_used
    from {{ ref('dim_deals') }} as deals
    inner join {{ ref('int_deal_closings') }} as closings on deals.deal_key = closings.deal_key
    left join {{ ref('int_deal_currencies') }} as currencies on deals.deal_key = currencies.deal_key
    where not deals.is_deleted
),

priced as (
    select
        closed.*,
        {{ converted(
            'closed.amount_at_close', rate_of('spot_rates', 'currencies', 'closed.currency_used')
        ) }} as amount_reporting,
        {{ converted('closed.amount_at_close', 'plan_rates.rate') }} as amount_at_plan_rate
    from closed
    left join {{ ref('int_deal_currencies') }} as currencies on closed.deal_key = currencies.deal_key
    {{ join_rate('spot_rates', 'closed.source', 'closed.currency_used', "'spot'", 'closed.closing_day') }}
    {{ join_rate('plan_rates', 'closed.source', 'closed.currency_used', "'plan'", 'closed.closing_day') }}
)

select
    deal_key,
    source,
    pipeline_key,
    owner_key,
    deal_type,
    original_source,
    outcome,
    lost_reason,
    closed_at,
    closing_day,
    {{ month_of('closing_day') }} as month,
    sales_cycle_days,
    cycle_microseconds,
    amount_at_close,
    amount_reporting,
    coalesce(amount_at_plan_rate, amount_reporting) as amount_plan,
    -- credits and contractions count in the sums, never in an average size or a share
    outcome = 'won' and coalesce(amount_at_close > 0, false) as is_sized,
    outcome <> 'void' and amount_at_close is not null and amount_reporting is null as is_unconverted
from priced

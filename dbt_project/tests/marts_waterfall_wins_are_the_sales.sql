-- What is won now was won in the waterfall too, at the moment of the move and with the amount at close: so that the two
-- differ by month alone (of the move here, of the close date in mart_sales_*). A deal won while it was deleted had no
-- open value left to be won.
with

wins as (
    select deal_key, max(occurred_at) as won_at, max_by(-coalesce(amount, 0), (occurred_at, step)) as amount
    from {{ ref('fct_pipeline_movements') }}
    where basis = 'all_open' and movement = 'won'
    group by 1
)

select sales.deal_key, sales.month, wins.won_at, wins.amount, sales.amount_at_close
from {{ ref('int_sales_closings') }} as sales
inner join {{ ref('dim_deals') }} as deals on sales.deal_key = deals.deal_key
left join wins on sales.deal_key = wins.deal_key
where
    sales.outcome = 'won'
    and (
        wins.deal_key is null
        or wins.won_at > deals.closed_at
        or (wins.won_at = deals.closed_at and wins.amount <> coalesce(sales.amount_at_close, 0))
    )
    and not exists (
        select 1
        from {{ ref('int_deal_deletions') }} as deletions
        where deletions.deal_key = sales.deal_key and deletions.deleted_at < deals.closed_at
            and (deletions.restored_at is null or deletions.restored_at >= deals.closed_at)
    )

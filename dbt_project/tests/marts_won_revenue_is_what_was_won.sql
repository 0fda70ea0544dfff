-- The spells that stand are the won deals, with their amounts at close.
with

won as (
    select deal_key, closed_at, amount_at_close
    from {{ ref('dim_deals') }}
    where is_won and not is_deleted
),

spells as (
    select revenue.deal_key, revenue.won_at, revenue.amount
    from {{ ref('fct_won_revenue') }} as revenue
    inner join {{ ref('dim_deals') }} as deals on revenue.deal_key = deals.deal_key
    -- a deal that went on to fulfilment is open again, and its win stands
    where not revenue.is_reversed and deals.stage_category <> 'fulfilment'
)

select coalesce(won.deal_key, spells.deal_key) as deal_key, won.amount_at_close, spells.amount
from won
full join spells on won.deal_key = spells.deal_key
where won.deal_key is null or spells.deal_key is null
    or won.closed_at <> spells.won_at
    or won.amount_at_close is distinct from spells.amount
union all
select deal_key, null as amount_at_close, null as amount
from {{ ref('fct_won_revenue') }}
group by deal_key
having count(*) filter (where not is_reversed) > 1 or max(spell_number) <> count(*)

-- One row per deal: who owned it when it was created. Creation dates can be typed by hand, so the moment is the later
-- of the stated creation and the first thing known of the deal.
with

moments as (
    select
        deals.deal_key,
        greatest(deals.created_at, min(states.valid_from)) as created_at
    from {{ ref('int_deals') }} as deals
    inner join {{ ref('int_deal_states') }} as states on deals.deal_key = states.deal_key
    group by deals.deal_key, deals.created_at
)

select moments.deal_key, states.owner_key
from moments
inner join {{ ref('int_deal_states') }} as states
    on moments.deal_key = states.deal_key and states.valid_from <= moments.created_at
    and (states.valid_to is null or states.valid_to > moments.created_at)

-- One row per closed deal at as_of: amount and owner in force when it entered the stage it is in, inclusive (R12).
with

closed as (
    select deal_key, closed_at, is_lost
    from {{ ref('int_deal_outcomes') }}
    where closed_at is not null
),

at_close as (
    select closed.deal_key, closed.closed_at, closed.is_lost, states.amount, states.currency, states.owner_key
    from closed
    left join {{ ref('int_deal_states') }} as states
        on closed.deal_key = states.deal_key and states.valid_from <= closed.closed_at
        and (states.valid_to is null or states.valid_to > closed.closed_at)
),

-- a rep who zeroes the amount in the same breath as losing the deal hides what was lost: the last positive value stands
zeroed as (
    select at_close.deal_key, states.amount
    from at_close
    inner join {{ ref('int_deal_states') }} as states
        on at_close.deal_key = states.deal_key and states.valid_from <= at_close.closed_at
    where at_close.is_lost and at_close.amount = 0 and states.amount > 0
    qualify row_number() over (partition by at_close.deal_key order by states.valid_from desc) = 1
        and states.valid_to >= at_close.closed_at - interval '1 minute'
)

select
    at_close.deal_key,
    at_close.closed_at,
    coalesce(zeroed.amount, at_close.amount) as amount_at_close,
    zeroed.deal_key is not null as amount_at_close_is_restored,
    at_close.currency as currency_at_close,
    at_close.owner_key as owner_key_at_close
from at_close
left join zeroed on at_close.deal_key = zeroed.deal_key

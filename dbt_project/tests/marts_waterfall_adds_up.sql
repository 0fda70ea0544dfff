-- Waterfall: opening + movements = closing, money and deals, per deal, pipeline, owner and currency of each month and
-- basis; closing is the next month's opening and what stands in fct_pipeline_month_end; within the company owners and
-- pipelines only pass deals on; the monthly mart is the sum of it all; one row a key. Sums of hashes stand for keys of
-- many columns: a fifth of the price. `signed` is read where it is used: kept once, its rows are the dearest part.
with

signed as not materialized (
    select
        month, basis, movement, deal_key, occurred_at, step,
        hash(deal_key, pipeline_key, owner_key, currency) as place,
        hash(deal_key, pipeline_key, owner_key, amount, amount_reporting) as stand,
        case when movement = 'closing' then -1 else 1 end as side,
        amount,
        amount_reporting,
        case
            when movement in ('opening', 'created', 'reopened', 'pulled_in', 'pipeline_in', 'owner_in') then 1
            when movement in ('increased', 'decreased') then 0
            when movement = 'fx' then case step when 1 then -1 else 1 end
            else -1
        end as deals
    from {{ ref('fct_pipeline_movements') }}
),

-- Where every place adds up to nothing, so does any weighted sum of places; with random weights (a part of the hash)
-- what does not add up shows, and costs a number a month instead of a row a place.
suspect as (
    select month, basis
    from signed
    group by month, basis
    having
        sum(cast(place % 4294967296 as hugeint) * cast(side * amount * 100 as hugeint)) <> 0
        or sum(cast(place % 4294967296 as bigint) * deals) <> 0
        or sum(cast(place % 4294967296 as hugeint) * cast(side * amount_reporting * 100 as hugeint)) <> 0
),

deals as (
    select signed.month, signed.basis, any_value(signed.deal_key) as deal_key
    from signed
    inner join suspect on signed.month = suspect.month and signed.basis = suspect.basis
    group by signed.month, signed.basis, signed.place
    having sum(side * amount) <> 0 or sum(deals) <> 0 or sum(side * amount_reporting) <> 0
),

-- a row a boundary between months: what closes before it and what opens after it
boundaries as (
    select
        case movement when 'closing' then month + interval '1 month' else month end as month,
        basis, deals * cast(hash(place, amount) as hugeint) as standing
    from signed
    where movement in ('opening', 'closing')
),

standing as (
    select month, cast(stand as hugeint) as stand
    from signed
    where movement = 'closing' and basis = 'all_open'
    union all
    select {{ month_of('month_end') }}, -cast(hash(deal_key, pipeline_key, owner_key, amount, amount_reporting) as hugeint)
    from {{ ref('fct_pipeline_month_end') }}
    union all
    select
        months.month,
        -cast(hash(deals.deal_key, deals.pipeline_key, deals.owner_key, deals.amount, deals.amount_reporting) as hugeint)
    from {{ ref('dim_deals') }} as deals
    inner join {{ ref('int_months') }} as months on not months.is_complete_month
    where deals.is_open and not deals.is_deleted and deals.stage_key is not null
)

select 'a deal does not add up' as problem, month, basis, deal_key
from deals
union all
select 'closing is not the next opening', cast(month as date), basis, null
from boundaries
where month in (select months.month from {{ ref('int_months') }} as months)
group by month, basis
having sum(standing) <> 0
union all
select 'closing is not what stood', month, 'all_open', null
from standing
group by month
having sum(stand) <> 0
union all
select 'the company lost or won by moving', month, basis, currency
from {{ ref('mart_pipeline_waterfall_monthly') }}
group by month, basis, currency
having sum(owner_in_amount + owner_out_amount) <> 0 or sum(pipeline_in_amount + pipeline_out_amount) <> 0
    or sum(owner_in_count) <> sum(owner_out_count) or sum(pipeline_in_count) <> sum(pipeline_out_count)
union all
select 'the month does not add up', month, basis, pipeline_key || ' ' || currency
from {{ ref('mart_pipeline_waterfall_monthly') }}
where opening_amount {% for word in movement_words() %} + {{ word }}_amount {% endfor %} <> closing_amount
union all
select 'the mart is not the sum of its rows', null, basis, null
from (
    select basis, count(*) as found, sum(amount) as amount
    from {{ ref('fct_pipeline_movements') }}
    group by 1
    union all
    select
        basis,
        -sum(0 {%- for word in ['opening', 'closing'] + movement_words() %} + {{ word }}_count {%- endfor %}),
        -sum(0 {%- for word in ['opening', 'closing'] + movement_words() %} + {{ word }}_amount {%- endfor %})
    from {{ ref('mart_pipeline_waterfall_monthly') }}
    group by 1
) as both_sides
group by basis
having sum(found) <> 0 or sum(amount) <> 0
union all
select 'not in its month', moved.month, moved.basis, moved.deal_key
from signed as moved
left join {{ ref('int_months') }} as months on moved.month = months.month
where (moved.occurred_at >= months.starts_at and (moved.occurred_at < months.seen_at or moved.movement = 'closing'))
    is not true
union all
-- of opening and closing a second row would not add up above
select 'two rows of one key', any_value(month), any_value(basis), any_value(deal_key)
from signed
where movement not in ('opening', 'closing')
group by hash(basis, deal_key, occurred_at, step)
having count(*) > 1

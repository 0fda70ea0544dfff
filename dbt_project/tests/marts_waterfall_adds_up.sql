-- Waterfall: opening + movements = closing, money and deals, per deal, pipeline, owner and currency of each month and
-- basis; closing is the next month's opening and what stands in fct_pipeline_month_end; within the company owners and
-- pipelines only pass deals on; and the monthly mart is the sum of it all.
with

signed as (
    select
        *,
        case
            when movement = 'closing' then -1
            when movement in ('opening', 'created', 'reopened', 'pulled_in', 'pipeline_in', 'owner_in') then 1
            when movement in ('pushed_out', 'pipeline_out', 'owner_out', 'won', 'lost', 'void') then -1
            when movement = 'fx' then case step when 1 then -1 else 1 end
            else 0
        end as deals,
        case when movement = 'closing' then -1 else 1 end as side
    from {{ ref('fct_pipeline_movements') }}
),

-- a row a boundary between months: what closes before it and what opens after it
boundaries as (
    select case movement when 'closing' then month + interval '1 month' else month end as month, * exclude (month)
    from signed
    where movement in ('opening', 'closing')
),

standing as (
    select
        month, deal_key, pipeline_key, owner_key, amount, amount_reporting, 1 as side
    from signed
    where movement = 'closing' and basis = 'all_open'
    union all
    select {{ month_of('month_end') }}, deal_key, pipeline_key, owner_key, amount, amount_reporting, -1 as side
    from {{ ref('fct_pipeline_month_end') }}
    union all
    select months.month, deals.deal_key, deals.pipeline_key, deals.owner_key, deals.amount, deals.amount_reporting, -1
    from {{ ref('dim_deals') }} as deals
    inner join {{ ref('int_months') }} as months on not months.is_complete_month
    where deals.is_open and not deals.is_deleted and deals.stage_key is not null
)

select 'a deal does not add up' as problem, month, basis, deal_key
from signed
group by month, basis, deal_key, pipeline_key, owner_key, currency
having sum(side * amount) <> 0 or sum(deals) <> 0 or sum(side * amount_reporting) <> 0
union all
select 'closing is not the next opening' as problem, cast(month as date), basis, deal_key
from boundaries
where month in (select months.month from {{ ref('int_months') }} as months)
group by month, basis, deal_key, pipeline_key, owner_key, currency
having sum(side * amount) <> 0 or sum(deals) <> 0
union all
select 'closing is not what stood' as problem, month, 'all_open' as basis, deal_key
from standing
group by month, deal_key, pipeline_key, owner_key
having sum(side) <> 0 or sum(side * amount) <> 0 or sum(side * amount_reporting) <> 0
union all
select 'the company lost or won by moving' as problem, month, basis, currency as deal_key
from {{ ref('mart_pipeline_waterfall_monthly') }}
group by month, basis, currency
having sum(owner_in_amount + owner_out_amount) <> 0 or sum(pipeline_in_amount + pipeline_out_amount) <> 0
    or sum(owner_in_count) <> sum(owner_out_count) or sum(pipeline_in_count) <> sum(pipeline_out_count)
union all
select 'the month does not add up' as problem, month, basis, pipeline_key || ' ' || currency as deal_key
from {{ ref('mart_pipeline_waterfall_monthly') }}
where opening_amount {% for word in movement_words() %} + {{ word }}_amount {% endfor %} <> closing_amount
union all
select 'the mart is not the sum of its rows' as problem, null as month, basis, null as deal_key
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
select 'not in its month' as problem, moved.month, moved.basis, moved.deal_key
from {{ ref('fct_pipeline_movements') }} as moved
left join {{ ref('int_months') }} as months on moved.month = months.month
where (moved.occurred_at >= months.starts_at and (moved.occurred_at < months.seen_at or moved.movement = 'closing'))
    is not true
union all
select 'two rows of one key' as problem, month, basis, deal_key
from {{ ref('fct_pipeline_movements') }}
group by month, basis, deal_key, occurred_at, step
having count(*) > 1

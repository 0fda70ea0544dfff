-- Month ends against the transitions, which know nothing of months: a deal stands at a month end exactly when the stay
-- it was in is open, unless it was deleted then. A month is summed up on either side; its deals are told where it differs.
with

expected as (
    select months.month_end, transitions.deal_key, transitions.to_stage_key as stage_key, months.ends_at
    from {{ ref('int_months') }} as months
    inner join {{ ref('fct_stage_transitions') }} as transitions
        on transitions.entered_at < months.ends_at
        and coalesce(transitions.exited_at >= months.ends_at, true)
    inner join {{ ref('dim_stages') }} as stages on transitions.to_stage_key = stages.stage_key
    where months.is_complete_month and stages.is_open
),

deleted_then as (
    select expected.deal_key, expected.month_end
    from expected
    inner join {{ ref('fct_deal_events') }} as events
        on expected.deal_key = events.deal_key and events.field = 'deleted' and events.effective_at < expected.ends_at
    group by 1, 2
    having max_by(events.new_value, (events.effective_at, events.sequence)) = 'true'
),

both_sides as (
    select expected.month_end, expected.deal_key, expected.stage_key, 1 as side
    from expected
    left join deleted_then on expected.deal_key = deleted_then.deal_key and expected.month_end = deleted_then.month_end
    where deleted_then.deal_key is null
    union all
    select month_end, deal_key, stage_key, -1 as side from {{ ref('fct_pipeline_month_end') }}
),

-- a hash a row, times its side: nothing is left where each row is there once on either
differing as (
    select month_end
    from both_sides
    group by month_end
    having sum(side) <> 0 or sum(side * cast(hash(deal_key, stage_key) as hugeint)) <> 0
)

select case when sum(side) > 0 then 'missing' else 'too much' end as problem, month_end, deal_key, stage_key
from both_sides
where month_end in (select differing.month_end from differing)
group by month_end, deal_key, stage_key
having sum(side) <> 0

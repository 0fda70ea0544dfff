-- Invariant 2: the stages a deal went through, pipelines left aside, are the ledger's stage changes one by one, and
-- a deal has no stay without an event (a change of pipeline alone counts as one). Hashes are counted and compared,
-- a sum a part of the deals on either side; where the sums differ, the stages are told.
with ledger as (
    select
        deal,
        stage,
        row_number() over (partition by deal order by effective_at, sequence) as n
    from (
        select
            *,
            lag(stage) over (partition by deal order by effective_at, sequence) as previous_stage
        from (
            select hash(deal_key) as deal, hash(new_value) as stage, effective_at, sequence
            from {{ ref('fct_deal_events') }}
            where field = 'stage' and new_value is not null
        ) as hashed
    ) as events
    where stage is distinct from previous_stage
),

stays as (
    select
        deal,
        stage,
        row_number() over (partition by deal order by visit_number) as n
    from (
        select
            *,
            lag(stage) over (partition by deal order by visit_number) as previous_stage
        from (
            select
                hash(transitions.deal_key) as deal,
                hash(stages.stage_id) as stage,
                transitions.visit_number
            from {{ ref('fct_stage_transitions') }} as transitions
            inner join {{ ref('int_stages') }} as stages on transitions.to_stage_key = stages.stage_key
        ) as hashed
    ) as visited
    where stage is distinct from previous_stage
),

both_sides as (
    select deal, n, stage, 1 as side
    from ledger
    where deal not in (select hash(merged.loser_deal_key) from {{ ref('int_merges') }} as merged)
    union all
    select deal, n, stage, -1 as side
    from stays
    where deal not in (select hash(merged.loser_deal_key) from {{ ref('int_merges') }} as merged)
),

differing as (
    select deal % 1024 as part
    from both_sides
    group by deal % 1024
    having sum(side * cast(hash(deal, n, stage) as hugeint)) <> 0
),

told as (
    select
        deal,
        n,
        max(case when side = 1 then stage end) as ledger_stage,
        max(case when side = -1 then stage end) as stay_stage
    from both_sides
    where deal % 1024 in (select differing.part from differing)
    group by deal, n
    having sum(side * cast(stage as hugeint)) <> 0
)

select
    deals.deal_key,
    told.n,
    ledger_stages.stage_id as ledger_stage_id,
    stay_stages.stage_id as stay_stage_id
from told
left join (
    select distinct hash(events.deal_key) as deal, events.deal_key
    from {{ ref('fct_deal_events') }} as events
    where hash(events.deal_key) in (select told.deal from told)
    union
    select hash(stays.deal_key) as deal, stays.deal_key
    from {{ ref('fct_stage_transitions') }} as stays
    where hash(stays.deal_key) in (select told.deal from told)
) as deals on told.deal = deals.deal
left join (
    select distinct hash(events.new_value) as stage, events.new_value as stage_id
    from {{ ref('fct_deal_events') }} as events
    where hash(events.new_value) in (select told.ledger_stage from told) and events.field = 'stage'
) as ledger_stages on told.ledger_stage = ledger_stages.stage
left join (
    select distinct hash(stages.stage_id) as stage, stages.stage_id
    from {{ ref('int_stages') }} as stages
) as stay_stages on told.stay_stage = stay_stages.stage

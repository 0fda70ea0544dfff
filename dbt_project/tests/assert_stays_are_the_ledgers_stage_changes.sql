-- Invariant 2: the stages a deal went through, pipelines left aside, are the ledger's stage changes one by one, and
-- a deal has no stay without an event (a change of pipeline alone counts as one).
with ledger as (
    select
        deal_key,
        new_value as stage_id,
        row_number() over (partition by deal_key order by effective_at, sequence) as n
    from (
        select
            *,
            lag(new_value) over (partition by deal_key order by effective_at, sequence) as previous_value
        from {{ ref('fct_deal_events') }}
        where field = 'stage' and new_value is not null
    ) as events
    where new_value is distinct from previous_value
),

stays as (
    select
        deal_key,
        stage_id,
        row_number() over (partition by deal_key order by visit_number) as n
    from (
        select
            transitions.deal_key,
            transitions.visit_number,
            stages.stage_id,
            lag(stages.stage_id) over (
                partition by transitions.deal_key
                order by transitions.visit_number
            ) as previous_stage_id
        from {{ ref('fct_stage_transitions') }} as transitions
        inner join {{ ref('int_stages') }} as stages on transitions.to_stage_key = stages.stage_key
    ) as visited
    where stage_id is distinct from previous_stage_id
)

select
    coalesce(ledger.deal_key, stays.deal_key) as deal_key,
    coalesce(ledger.n, stays.n) as n,
    ledger.stage_id as ledger_stage_id,
    stays.stage_id as stay_stage_id
from ledger
full outer join stays on ledger.deal_key = stays.deal_key and ledger.n = stays.n
left join {{ ref('int_merges') }} as merged on coalesce(ledger.deal_key, stays.deal_key) = merged.loser_deal_key
where merged.loser_deal_key is null and ledger.stage_id is distinct from stays.stage_id

{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ drop_touched() }}",
    post_hook="{{ remember_build() }}",
    meta={'shared': {
        'int_stages': 'hash(stage_key, stage_category, position, is_reachable, reachable_before, is_won, is_retired)'
    }}
) }}
-- One row per stay of a deal in a stage, that is per transition into it, as of the run's clock: an entry at or after
-- as_of did not happen, an exit at or after it has not yet. Merged-away deals have none; deletion ends no stay.
with visits as (
    select
        visits.deal_key,
        visits.source,
        visits.visit_number,
        visits.pipeline_key,
        visits.stage_key,
        visits.entered_at,
        case when visits.exited_at < {{ as_of() }} then visits.exited_at end as exited_at,
        visits.is_order_ambiguous,
        stages.stage_category,
        stages.position,
        stages.is_reachable,
        stages.reachable_before,
        -- How far a visit reaches: a listed open stage to its place, won beyond every open stage, the others nowhere.
        case
            when stages.is_won and not stages.is_retired then 1000000
            when stages.is_reachable then stages.position
        end as reach
    from {{ ref('int_stage_visits') }} as visits
    inner join {{ ref('int_stages') }} as stages on visits.stage_key = stages.stage_key
    left join {{ ref('int_merges') }} as merged on visits.deal_key = merged.loser_deal_key
    where
        visits.entered_at < {{ as_of() }}
        and merged.loser_deal_key is null
        and {{ is_touched('visits.deal_key') }}
),

framed as (
    select
        *,
        lag(stage_key) over deal as from_stage_key,
        lag(pipeline_key) over deal as from_pipeline_key,
        lag(stage_category) over deal as from_category,
        lag(position) over deal as from_position,
        lag(is_reachable) over deal as from_is_reachable,
        lag(reachable_before) over deal as from_reachable_before,
        max(reach) over (
            partition by deal_key, pipeline_key
            order by visit_number
            rows between unbounded preceding and 1 preceding
        ) as reached_before,
        row_number() over (partition by deal_key, stage_key order by visit_number desc) as visits_left,
        row_number() over (partition by deal_key, stage_key, entered_at order by visit_number) as occurrence
    from visits
    window deal as (partition by deal_key order by visit_number)
),

typed as (
    select
        *,
        case
            when from_stage_key is null then 'entry'
            when stage_category in ('void', 'won', 'lost') then stage_category
            when
                stage_category = 'fulfilment'
                and from_category = 'won'
                and pipeline_key = from_pipeline_key
                and position > from_position
                then 'forward'
            when from_category in ('won', 'lost', 'void') then 'reopened'
            when pipeline_key <> from_pipeline_key then 'pipeline_change'
            when position < from_position then 'backward'
            else 'forward'
        end as transition_type
    from framed
),

deleted as (
    select deal_key
    from {{ ref('int_deal_deletions') }}
    where deleted_at < {{ as_of() }} and (restored_at is null or restored_at >= {{ as_of() }})
)

select
    {{ hash_of([
        'typed.deal_key', 'typed.stage_key', 'cast(' ~ epoch_us('typed.entered_at') ~ ' as varchar)',
        'cast(typed.occurrence as varchar)'
    ]) }} as transition_key,
    typed.deal_key,
    typed.source,
    deals.source_deal_id,
    typed.visit_number,
    typed.pipeline_key,
    typed.from_stage_key,
    typed.stage_key as to_stage_key,
    typed.entered_at,
    typed.exited_at,
    {{ elapsed_seconds('typed.entered_at', 'typed.exited_at') }} as duration_seconds,
    typed.transition_type,
    lead(typed.transition_type) over (partition by typed.deal_key order by typed.visit_number) as exit_type,
    cast(
        case
            when typed.transition_type = 'entry' and typed.stage_category not in ('lost', 'void')
                then coalesce(typed.reachable_before, 0)
            when
                typed.transition_type in ('forward', 'won')
                and typed.pipeline_key = typed.from_pipeline_key
                and typed.position > typed.from_position
                then
                    typed.reachable_before
                    - typed.from_reachable_before
                    - case when typed.from_is_reachable then 1 else 0 end
            else 0
        end as integer
    ) as skipped_stages,
    coalesce(typed.reach > coalesce(typed.reached_before, -1), false) as is_first_reach,
    typed.visits_left = 1 as is_latest_visit,
    typed.exited_at is null as is_current,
    typed.is_order_ambiguous,
    states.amount as amount_at_entry,
    states.currency,
    states.owner_key as owner_key_at_entry,
    deleted.deal_key is not null as is_deleted
from typed
inner join {{ ref('int_deals') }} as deals on typed.deal_key = deals.deal_key
left join deleted on typed.deal_key = deleted.deal_key
left join {{ ref('int_deal_states') }} as states
    on
        typed.deal_key = states.deal_key
        and typed.entered_at >= states.valid_from
        and (typed.entered_at < states.valid_to or states.valid_to is null)

-- One row per deal that exists at as_of (losers of merges too): the stage it is in, and its deletion or merge.
with

visits as (
    select
        deal_key,
        max_by(pipeline_key, visit_number) as pipeline_key,
        max_by(stage_key, visit_number) as stage_key,
        max_by(entered_at, visit_number) as entered_at,
        min(entered_at) as first_stage_at,
        cast(count(*) - 1 as integer) as stage_changes
    from {{ ref('int_stage_visits') }}
    where entered_at < {{ as_of() }}
    group by 1
),

merged as (
    select loser_deal_key as deal_key, survivor_deal_key, merged_at
    from {{ ref('int_merges') }}
    where merged_at < {{ as_of() }} and {{ is_left_in('loser_deal_key') }}
),

deletions as (
    select deal_key, max(deleted_at) as deleted_at
    from {{ ref('int_deal_deletions') }}
    where deleted_at < {{ as_of() }} and (restored_at is null or restored_at >= {{ as_of() }})
    group by 1
),

events as (
    select deal_key, min(effective_at) as first_event_at
    from {{ ref('int_deal_events') }}
    group by 1
),

known as (
    select
        coalesce(deals.deal_key, merged.deal_key) as deal_key,
        coalesce(visits.pipeline_key, states.pipeline_key) as pipeline_key,
        visits.stage_key,
        case when visits.stage_key is not null then coalesce(stages.stage_category, 'unknown') end as stage_category,
        visits.entered_at,
        visits.first_stage_at,
        visits.stage_changes,
        deals.deal_key is not null as is_seen,
        merged.survivor_deal_key as merged_into_deal_key,
        least(merged.merged_at, deletions.deleted_at) as deleted_at
    from {{ ref('int_deals') }} as deals
    full outer join merged on deals.deal_key = merged.deal_key
    left join visits on deals.deal_key = visits.deal_key
    left join {{ ref('int_stages') }} as stages on visits.stage_key = stages.stage_key
    left join deletions on deals.deal_key = deletions.deal_key
    left join events on deals.deal_key = events.deal_key
    -- a deal without a stage so far stands where its pipeline property says
    left join {{ ref('int_deal_states') }} as states
        on deals.deal_key = states.deal_key and states.valid_from < {{ as_of() }}
        and (states.valid_to is null or states.valid_to >= {{ as_of() }})
    where deals.deal_key is null or least(events.first_event_at, deals.created_at) < {{ as_of() }}
)

select
    deal_key,
    pipeline_key,
    stage_key,
    stage_category,
    entered_at,
    first_stage_at,
    stage_changes,
    case when stage_category in ('won', 'lost', 'void') then entered_at end as closed_at,
    case
        when merged_into_deal_key is not null then 'void'
        when stage_category in ('won', 'lost', 'void') then stage_category
        else 'open'
    end as outcome,
    -- null where nothing is known: a loser that its survivor named, but that we never saw
    case when is_seen then coalesce(stage_category, 'unknown') not in ('won', 'lost', 'void') end as is_open,
    case when is_seen then coalesce(stage_category = 'won', false) end as is_won,
    case when is_seen then coalesce(stage_category = 'lost', false) end as is_lost,
    deleted_at is not null as is_deleted,
    deleted_at,
    merged_into_deal_key
from known

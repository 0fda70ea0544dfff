{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ drop_touched() }}",
    post_hook="{{ remember_build() }}",
    meta={'shared': {
        'int_stages': 'hash(stage_key, stage_category)',
        'int_home_currencies': 'hash(source, home_currency)'
    }}
) }}
-- depends_on: {{ ref('int_stage_visits') }}
-- depends_on: {{ ref('int_stages') }}
-- depends_on: {{ ref('int_home_currencies') }}
-- One row per change of a deal's open value, told by the event that made it: it went from value_from to value_to (one
-- of them null where the value came in or went out; both null: a deal without an amount). `step` orders the rows of one
-- deal and instant: edits come first, then stages, then deletion. Whether a row counts in a basis that looks at close
-- dates follows from the close date before and after it (fct_pipeline_movements).
with

stays as (
    select
        transitions.deal_key, transitions.visit_number, transitions.pipeline_key,
        transitions.entered_at, transitions.exited_at, transitions.transition_type,
        coalesce(stages.stage_category, 'unknown') as category,
        coalesce(stages.stage_category, 'unknown') not in ('won', 'lost', 'void') as is_open
    from {{ ref('fct_stage_transitions') }} as transitions
    left join {{ ref('dim_stages') }} as stages on transitions.to_stage_key = stages.stage_key
    where {{ is_touched('transitions.deal_key') }}
),

moves as (
    select
        *,
        lag(category) over deal as category_before,
        lag(is_open) over deal as was_open,
        lag(pipeline_key) over deal as pipeline_key_before
    from stays
    window deal as (partition by deal_key order by visit_number)
),

deletions as (
    select deal_key, deleted_at, restored_at
    from {{ ref('int_deal_deletions') }}
    where deleted_at < {{ as_of() }} and {{ is_touched('deal_key') }}
),

known_edits as {{ 'materialized ' if is_incremental() }}(
    select *
    from {{ ref('int_deal_edits') }}
    where {{ is_touched('deal_key') }}
),

-- edits of a deal that stood open just before them
edits as (
    select
        edits.*, stays.pipeline_key,
        coalesce(edits.value_after, 0) - coalesce(edits.amount_before, 0) as value_change
    from known_edits as edits
    inner join stays
        on edits.deal_key = stays.deal_key and stays.is_open
        and stays.entered_at < edits.valid_from and (stays.exited_at is null or stays.exited_at >= edits.valid_from)
    where not exists (
        select 1
        from deletions
        where
            deletions.deal_key = edits.deal_key and deletions.deleted_at < edits.valid_from
            and (deletions.restored_at is null or deletions.restored_at >= edits.valid_from)
    )
),

-- money first, then the close date, then the owner: each moves what the one before has left
edited as (
    select
        edits.deal_key, edits.valid_from, edits.pipeline_key, edits.close_date_before, edits.close_date,
        words.step, words.movement,
        case when words.step in (5, 7) then edits.owner_key else edits.owner_key_before end as owner_key,
        case when words.step = 1 then edits.currency_before else edits.currency end as currency,
        case
            when words.step in (1, 3) then edits.amount_before
            when words.step in (4, 6) then edits.value_after
        end as value_from,
        case when words.step in (2, 3, 5, 7) then edits.value_after end as value_to
    from edits
    cross join lateral (values
        (1, 'fx'), (2, 'fx'), (3, case when edits.value_change > 0 then 'increased' else 'decreased' end),
        (4, 'pushed_out'), (5, 'pulled_in'), (6, 'owner_out'), (7, 'owner_in')
    ) as words (step, movement)
    where case
        when words.step in (1, 2) then edits.currency <> edits.currency_before
        when words.step = 3 then edits.currency = edits.currency_before and edits.value_change <> 0
        when words.step in (4, 5) then edits.close_date is distinct from edits.close_date_before
        else edits.owner_key is distinct from edits.owner_key_before
    end
),

-- what was true of the deal when it changed its stage, that very instant included
moved as (
    select
        moves.deal_key, moves.visit_number, moves.entered_at, moves.pipeline_key, moves.pipeline_key_before,
        moves.category, moves.category_before, moves.is_open, moves.was_open,
        edits.owner_key, edits.close_date,
        coalesce(edits.currency, currencies.home_currency, 'unknown') as currency,
        case when edits.valid_from = moves.entered_at then edits.value_after else edits.amount end as value,
        exists(
            select 1
            from deletions
            where
                deletions.deal_key = moves.deal_key and deletions.deleted_at < moves.entered_at
                and (deletions.restored_at is null or deletions.restored_at >= moves.entered_at)
        ) as is_deleted
    from moves
    left join {{ ref('int_deal_currencies') }} as currencies on moves.deal_key = currencies.deal_key
    left join known_edits as edits
        on moves.deal_key = edits.deal_key and edits.valid_from <= moves.entered_at
        and (edits.valid_to is null or edits.valid_to > moves.entered_at)
),

-- the first stage event creates, whatever it leads into; from one outcome to another is a return and a new outcome
stepped as (
    select
        moved.deal_key, moved.entered_at, moved.close_date, moved.owner_key, moved.currency,
        10 * moved.visit_number + words.step as step,
        words.movement,
        -- a deal that closes in another pipeline leaves the one it stood in
        case
            when words.step = 2 or (words.step = 1 and moved.was_open) then moved.pipeline_key_before
            else moved.pipeline_key
        end as pipeline_key,
        case when words.step in (1, 2) then moved.value end as value_from,
        case when words.step in (0, 3) then moved.value end as value_to
    from moved
    cross join lateral (values
        (0, case when moved.visit_number = 1 then 'created' else 'reopened' end),
        (1, case when moved.is_open then 'void' else moved.category end),
        (2, 'pipeline_out'), (3, 'pipeline_in')
    ) as words (step, movement)
    where case
        when moved.visit_number = 1 then words.step = 0 or (words.step = 1 and (not moved.is_open or moved.is_deleted))
        when moved.is_deleted then false
        when moved.was_open and moved.is_open
            then words.step in (2, 3) and moved.pipeline_key <> moved.pipeline_key_before
        when moved.was_open then words.step = 1
        when moved.is_open then words.step = 0
        else words.step in (0, 1) and moved.category <> moved.category_before
    end
),

-- deletion and return of a deal that is in an open stage
removed as (
    select
        stays.deal_key, turns.occurred_at, turns.movement, turns.step, stays.pipeline_key,
        edits.owner_key, edits.close_date, edits.amount,
        coalesce(edits.currency, currencies.home_currency, 'unknown') as currency
    from deletions
    cross join lateral (values
        (deletions.deleted_at, 'void', 1000000), (deletions.restored_at, 'reopened', 1000001)
    ) as turns (occurred_at, movement, step)
    inner join stays
        on deletions.deal_key = stays.deal_key and stays.is_open
        and stays.entered_at <= turns.occurred_at and (stays.exited_at is null or stays.exited_at > turns.occurred_at)
    left join {{ ref('int_deal_currencies') }} as currencies on deletions.deal_key = currencies.deal_key
    left join known_edits as edits
        on deletions.deal_key = edits.deal_key and edits.valid_from <= turns.occurred_at
        and (edits.valid_to is null or edits.valid_to > turns.occurred_at)
    where turns.occurred_at < {{ as_of() }}
)

select
    deal_key, valid_from as occurred_at, step, movement, pipeline_key, owner_key, currency,
    value_from, value_to, close_date_before, close_date as close_date_after
from edited
union all
select
    deal_key, entered_at as occurred_at, cast(step as integer) as step, movement, pipeline_key, owner_key, currency,
    value_from, value_to, close_date as close_date_before, close_date as close_date_after
from stepped
union all
select
    deal_key, occurred_at, step, movement, pipeline_key, owner_key, currency,
    case when movement = 'void' then amount end as value_from,
    case when movement = 'reopened' then amount end as value_to,
    close_date as close_date_before, close_date as close_date_after
from removed

{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='deal_key',
    on_schema_change='fail'
) }}
-- One row per stay of a deal in a stage, merged-away and deleted deals included, uncut by as_of. Stages come from
-- stage events, and their pipeline from the pipelines known to contain them and the deal's own pipeline events.
with
{% if is_incremental() %}
affected as (
    select distinct deal_key
    from {{ ref('int_deal_events') }}
    where window_seq > {{ seen_up_to() }}
    union
    -- A snapshot showed a stage id in a pipeline for the first time: every deal that ever held it is read anew.
    select events.deal_key
    from {{ ref('int_deal_events') }} as events
    inner join {{ ref('int_stage_pipelines') }} as members
        on events.source = members.source and events.value = members.stage_id
    where events.field = 'stage' and members.first_window_seq > {{ seen_up_to() }}
),
{% endif %}

events as (
    select
        deal_key,
        source,
        field,
        effective_at,
        sequence,
        value,
        is_order_ambiguous,
        window_seq
    from {{ ref('int_deal_events') }}
    where
        field in ('stage', 'pipeline')
        and value is not null
        {% if is_incremental() %}and deal_key in (select affected.deal_key from affected){% endif %}
),

pipeline_changes as (
    select *
    from (
        select
            *,
            lag(value) over (partition by deal_key order by effective_at, sequence) as previous_value
        from events
        where field = 'pipeline'
    ) as pipelines
    where previous_value is distinct from value
),

-- Pipeline changes sort before the stage events of the same instant: a pipeline in force "at" includes ties.
timeline as (
    select
        deal_key,
        source,
        0 as kind,
        effective_at,
        sequence,
        value as pipeline_id,
        cast(null as varchar) as stage_id,
        previous_value is not null as is_change,
        is_order_ambiguous,
        window_seq
    from pipeline_changes
    union all
    select
        deal_key,
        source,
        1 as kind,
        effective_at,
        sequence,
        cast(null as varchar) as pipeline_id,
        value as stage_id,
        false as is_change,
        is_order_ambiguous,
        window_seq
    from events
    where field = 'stage'
),

framed as (
    select
        deal_key,
        source,
        kind,
        effective_at,
        sequence,
        is_change,
        is_order_ambiguous,
        window_seq,
        {{ last_known('stage_id', 'partition by deal_key order by effective_at, kind, sequence') }} as stage_id,
        {{ last_known('pipeline_id', 'partition by deal_key order by effective_at, kind, sequence') }} as pipeline_now,
        {{ next_known('pipeline_id', 'partition by deal_key order by effective_at, kind, sequence') }} as pipeline_next,
        {{ next_known(
            'case when kind = 0 then effective_at end',
            'partition by deal_key order by effective_at, kind, sequence'
        ) }} as pipeline_next_at,
        {{ next_known(
            'case when kind = 1 then effective_at end',
            'partition by deal_key order by effective_at, kind, sequence'
        ) }} as stage_next_at
    from timeline
),

-- A source may write the stage some milliseconds before the pipeline of one and the same move. The last stage event
-- within two seconds before a pipeline change belongs to the new pipeline, where that can hold the stage.
paired as (
    select
        *,
        coalesce(
            kind = 1
            and {{ epoch_us('pipeline_next_at') }} - {{ epoch_us('effective_at') }} <= 2000000
            and (
                stage_next_at is null
                or {{ epoch_us('stage_next_at') }} - {{ epoch_us('pipeline_next_at') }} > 2000000
            ),
            false
        ) as is_before_pipeline
    from framed
),

stage_sets as (
    select
        source,
        stage_id,
        count(*) as pipelines,
        min(pipeline_id) as any_pipeline_id,
        max(first_window_seq) as window_seq
    from {{ ref('int_stage_pipelines') }}
    group by source, stage_id
),

resolved as (
    select
        paired.deal_key,
        paired.kind,
        paired.effective_at,
        paired.sequence,
        paired.is_change,
        paired.is_order_ambiguous,
        paired.stage_id,
        greatest(paired.window_seq, coalesce(stage_sets.window_seq, -1)) as window_seq,
        -- Whether the pipeline in force can hold the stage: it was seen there, or the stage was never seen anywhere.
        stage_sets.stage_id is null or holds_now.stage_id is not null as is_possible,
        case
            when paired.kind = 0 then paired.pipeline_now
            when
                paired.is_before_pipeline and (holds_next.stage_id is not null or stage_sets.stage_id is null)
                then paired.pipeline_next
            when stage_sets.stage_id is null
                then coalesce(paired.pipeline_now, paired.pipeline_next, 'unknown')
            when holds_now.stage_id is not null then paired.pipeline_now
            when holds_next.stage_id is not null then paired.pipeline_next
            when stage_sets.pipelines = 1 then stage_sets.any_pipeline_id
            else coalesce(paired.pipeline_now, paired.pipeline_next, stage_sets.any_pipeline_id)
        end as pipeline_id,
        paired.source
    from paired
    left join stage_sets
        on paired.source = stage_sets.source and paired.stage_id = stage_sets.stage_id
    left join {{ ref('int_stage_pipelines') }} as holds_now
        on
            paired.source = holds_now.source
            and paired.stage_id = holds_now.stage_id
            and paired.pipeline_now = holds_now.pipeline_id
    left join {{ ref('int_stage_pipelines') }} as holds_next
        on
            paired.source = holds_next.source
            and paired.stage_id = holds_next.stage_id
            and paired.pipeline_next = holds_next.pipeline_id
),

-- A change of pipeline alone (the stage id exists in both) is a move too. When a stage event within two seconds
-- already leads into the new pipeline, the two are one change that the source wrote in two steps.
explained_changes as (
    select distinct
        changes.deal_key,
        changes.effective_at,
        changes.sequence
    from resolved as changes
    inner join resolved as stages
        on
            changes.deal_key = stages.deal_key
            and changes.pipeline_id = stages.pipeline_id
            and {{ epoch_us('stages.effective_at') }}
            between {{ epoch_us('changes.effective_at') }} - 2000000
            and {{ epoch_us('changes.effective_at') }} + 2000000
    where changes.kind = 0 and changes.is_change and stages.kind = 1
),

moves as (
    select resolved.*
    from resolved
    left join explained_changes
        on
            resolved.kind = 0
            and resolved.deal_key = explained_changes.deal_key
            and resolved.effective_at = explained_changes.effective_at
            and resolved.sequence = explained_changes.sequence
    where
        resolved.kind = 1
        or (
            resolved.is_change
            and resolved.stage_id is not null
            and resolved.is_possible
            and explained_changes.deal_key is null
        )
),

compared as (
    select
        *,
        lag(pipeline_id) over (partition by deal_key order by effective_at, kind, sequence) as previous_pipeline_id,
        lag(stage_id) over (partition by deal_key order by effective_at, kind, sequence) as previous_stage_id,
        max(window_seq) over (partition by deal_key) as deal_window_seq
    from moves
)

select
    deal_key,
    cast(row_number() over (partition by deal_key order by effective_at, kind, sequence) as integer) as visit_number,
    {{ pipeline_key('source', 'pipeline_id') }} as pipeline_key,
    {{ stage_key('source', 'pipeline_id', 'stage_id') }} as stage_key,
    source,
    pipeline_id,
    stage_id,
    effective_at as entered_at,
    lead(effective_at) over (partition by deal_key order by effective_at, kind, sequence) as exited_at,
    is_order_ambiguous,
    deal_window_seq as window_seq
from compared
where previous_stage_id is null or previous_stage_id <> stage_id or previous_pipeline_id <> pipeline_id

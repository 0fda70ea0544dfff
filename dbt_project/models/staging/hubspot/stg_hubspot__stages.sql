{{ config(materialized='table') }}
-- One row per stage and snapshot in which the portal's list of pipelines changed. Won and lost come from the flags.
with listed as (
    select
        source,
        pipeline_id,
        is_archived as is_pipeline_archived,
        extracted_at,
        window_seq,
        {{ explode_positions('stages', 'stage') }}
    from {{ ref('stg_hubspot__pipelines') }}
),

typed as (
    select
        source,
        pipeline_id,
        coalesce(stage.id, stage.stageId) as stage_id, -- noqa: CP02
        {{ blank_to_null('stage.label') }} as label,
        {{ parse_integer('stage.displayOrder') }} as display_order,
        stage_position as list_position,
        {{ parse_boolean('stage.metadata.isClosed') }} as is_closed,
        {{ parse_double(blank_to_null('stage.metadata.probability')) }} as probability,
        is_pipeline_archived
        or coalesce({{ parse_boolean('stage.archived') }}, not {{ parse_boolean('stage.active') }}, false)
            as is_archived,
        {{ parse_timestamp('stage.createdAt') }} as created_at,
        {{ parse_timestamp('stage.updatedAt') }} as updated_at,
        extracted_at,
        window_seq
    from listed
)

select
    source,
    pipeline_id,
    stage_id,
    coalesce(label, stage_id) as stage_name,
    display_order,
    list_position,
    probability,
    -- Closed and certain is won, closed and anything else is lost; an old pipeline without the flag goes by its
    -- probability alone.
    coalesce(probability = 1 and coalesce(is_closed, true), false) as is_won,
    coalesce(
        case when is_closed then probability is distinct from 1 when is_closed is null then probability = 0 end,
        false
    ) as is_lost,
    is_archived,
    created_at,
    updated_at,
    extracted_at,
    window_seq
from typed
where stage_id is not null

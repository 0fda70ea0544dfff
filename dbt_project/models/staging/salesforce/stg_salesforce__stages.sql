{{ config(materialized='table') }}
-- One row per stage of a record type and snapshot in which either list changed: which stages, by the record type; what
-- they are (won, lost, probability, active), by the organisation's list of stages as it stood then.
with definitions as (
    select
        source,
        window_seq,
        extracted_at,
        from_json(record, '{{ salesforce_shape([
            'ApiName', 'MasterLabel', 'SortOrder', 'IsActive', 'IsClosed', 'IsWon', 'DefaultProbability',
        ]) }}') as r
    from {{ source('raw_salesforce', 'salesforce__opportunity_stages') }}
),

definition_lists as (
    select
        source,
        window_seq,
        min(extracted_at) as extracted_at,
        md5(string_agg(cast(r as varchar), '|' order by r.apiname)) as fingerprint
    from definitions
    group by source, window_seq
),

definition_changes as (
    select *
    from definition_lists
    qualify lag(fingerprint) over (partition by source order by window_seq) is distinct from fingerprint
),

-- Every snapshot of either list, with the lists in force then.
moments as (
    select source, window_seq, extracted_at from definition_changes
    union
    select source, window_seq, extracted_at from {{ ref('stg_salesforce__pipelines') }}
),

snapshots as (
    select
        moments.source,
        moments.window_seq,
        moments.extracted_at,
        coalesce(
            (
                select max(pipelines.window_seq)
                from {{ ref('stg_salesforce__pipelines') }} as pipelines
                where pipelines.source = moments.source and pipelines.window_seq <= moments.window_seq
            ),
            (
                select min(pipelines.window_seq)
                from {{ ref('stg_salesforce__pipelines') }} as pipelines
                where pipelines.source = moments.source
            )
        ) as pipelines_seq,
        coalesce(
            (
                select max(changes.window_seq)
                from definition_changes as changes
                where changes.source = moments.source and changes.window_seq <= moments.window_seq
            ),
            (
                select min(changes.window_seq)
                from definition_changes as changes
                where changes.source = moments.source
            )
        ) as stages_seq
    from moments
),

listed as (
    select
        snapshots.source,
        pipelines.pipeline_id,
        pipelines.is_archived as is_pipeline_archived,
        snapshots.stages_seq,
        snapshots.extracted_at,
        snapshots.window_seq,
        {{ explode_positions('pipelines.stages', 'stage') }}
    from snapshots
    inner join {{ ref('stg_salesforce__pipelines') }} as pipelines
        on snapshots.source = pipelines.source and snapshots.pipelines_seq = pipelines.window_seq
)

select
    listed.source,
    listed.pipeline_id,
    listed.stage as stage_id,
    coalesce({{ blank_to_null('definitions.r.masterlabel') }}, listed.stage) as stage_name,
    coalesce({{ parse_integer('definitions.r.sortorder') }}, cast(listed.stage_position as integer)) as display_order,
    listed.stage_position as list_position,
    {{ parse_double(blank_to_null('definitions.r.defaultprobability')) }} / 100 as probability,
    coalesce({{ parse_boolean('definitions.r.iswon') }}, false) as is_won,
    coalesce({{ parse_boolean('definitions.r.isclosed') }} and not {{ parse_boolean('definitions.r.iswon') }}, false)
        as is_lost,
    listed.is_pipeline_archived or not coalesce({{ parse_boolean('definitions.r.isactive') }}, true) as is_archived,
    cast(null as timestamptz) as created_at,
    cast(null as timestamptz) as updated_at,
    listed.extracted_at,
    listed.window_seq
from listed
left join definitions
    on
        listed.source = definitions.source
        and listed.stages_seq = definitions.window_seq
        and listed.stage = definitions.r.apiname
where listed.stage is not null

{{ config(materialized='table') }}
-- One row per pipeline and snapshot in which the portal's list of pipelines differs from the one before.
-- Every sync lands the whole list, so that what is absent from a snapshot was removed by then.
with lists as (
    select
        source,
        window_seq,
        md5(string_agg(cast(record as varchar), '|' order by record_id, part, line)) as fingerprint
    from {{ source('raw_hubspot', 'hubspot__deal_pipelines') }}
    group by source, window_seq
),

compared as (
    select
        *,
        lag(fingerprint) over (partition by source order by window_seq) as previous_fingerprint
    from lists
),

records as (
    select
        pipelines.source,
        pipelines.record_id,
        pipelines.extracted_at,
        pipelines.window_seq,
        {{ json_struct('pipelines.record', hubspot_pipeline_shape(), hubspot_pipeline_shape_spark()) }} as r,
        row_number() over (
            partition by pipelines.source, pipelines.window_seq, pipelines.record_id
            order by pipelines.part desc, pipelines.line desc
        ) as age
    from {{ source('raw_hubspot', 'hubspot__deal_pipelines') }} as pipelines
    inner join compared on pipelines.source = compared.source and pipelines.window_seq = compared.window_seq
    where compared.previous_fingerprint is distinct from compared.fingerprint
)

select
    source,
    record_id as pipeline_id,
    coalesce({{ blank_to_null('r.label') }}, record_id) as pipeline_name,
    {{ parse_integer('r.displayOrder') }} as display_order,
    coalesce({{ parse_boolean('r.archived') }}, not {{ parse_boolean('r.active') }}, false) as is_archived,
    {{ parse_timestamp('r.createdAt') }} as created_at,
    {{ parse_timestamp('r.updatedAt') }} as updated_at,
    r.stages,
    extracted_at,
    window_seq
from records
where age = 1

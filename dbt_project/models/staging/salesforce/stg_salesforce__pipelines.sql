{{ config(materialized='table') }}
-- One row per record type of opportunities and snapshot in which the list of record types, or of the stages that they
-- offer, differs from the one before: a record type is a pipeline.
with records as (
    select source, record_id, record, extracted_at, window_seq, part, line
    from {{ source('raw_salesforce', 'salesforce__record_types') }}
),

lists as (
    select
        source,
        window_seq,
        md5(string_agg(cast(record as varchar), '|' order by record_id, part, line)) as fingerprint
    from records
    group by source, window_seq
),

compared as (
    select
        *,
        lag(fingerprint) over (partition by source order by window_seq) as previous_fingerprint
    from lists
)

select
    records.source,
    records.record_id as pipeline_id,
    coalesce({{ blank_to_null("records.record ->> '$.Name'") }}, records.record_id) as pipeline_name,
    cast(row_number() over (
        partition by records.source, records.window_seq order by records.part, records.line
    ) - 1 as integer) as display_order,
    not coalesce({{ parse_boolean("records.record ->> '$.IsActive'") }}, true) as is_archived,
    cast(null as timestamptz) as created_at,
    cast(null as timestamptz) as updated_at,
    from_json(records.record -> '$.stages', '["VARCHAR"]') as stages,
    records.extracted_at,
    records.window_seq
from records
inner join compared on records.source = compared.source and records.window_seq = compared.window_seq
where compared.previous_fingerprint is distinct from compared.fingerprint

-- One row per HubSpot lead object (0-136): the newest version that parses. Counted, not yet modelled further.
with

versions as (
    select
        source, record_id, extracted_at, window_id, window_seq, part, line,
        from_json(record, '{"createdAt":"VARCHAR","updatedAt":"VARCHAR","archived":"BOOLEAN","archivedAt":"VARCHAR",
            "properties":{"createdate":"VARCHAR","hs_createdate":"VARCHAR","hs_lead_type":"VARCHAR",
            "hs_lead_label":"VARCHAR","hs_pipeline":"VARCHAR","hs_pipeline_stage":"VARCHAR","hubspot_owner_id":"VARCHAR","hs_merged_object_ids":"VARCHAR"}}') as r
    from {{ source('raw_hubspot', 'hubspot__leads') }}
),

newest as (
    select *, r.properties as p
    from versions
    where {{ has_valid_times('r') }}
    -- lists of one window are read side by side: the newer state counts, not the later line
    qualify row_number() over (
        partition by source, record_id
        order by window_seq desc, {{ state_at('r', 'extracted_at') }} desc, part desc, line desc
    ) = 1
)

select
    source,
    record_id as source_lead_object_id,
    {{ blank_to_null('p.hs_lead_type') }} as lead_type,
    {{ blank_to_null('p.hs_lead_label') }} as lead_label,
    {{ blank_to_null('p.hs_pipeline') }} as pipeline_id,
    {{ blank_to_null('p.hs_pipeline_stage') }} as stage_id,
    {{ blank_to_null('p.hubspot_owner_id') }} as owner_id,
    coalesce({{ parse_timestamp('p.hs_createdate') }}, {{ parse_timestamp('r.createdAt') }}) as created_at,
    {{ parse_timestamp('r.updatedAt') }} as updated_at,
    coalesce(r.archived, false) as is_archived,
    {{ parse_timestamp('r.archivedAt') }} as archived_at,
    {{ merged_ids('p.hs_merged_object_ids', "''", 'record_id') }} as merged_ids,
    extracted_at, window_id, window_seq
from newest

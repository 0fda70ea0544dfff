-- One row per company: the newest version that parses.
{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['source', 'source_company_id'],
    on_schema_change='fail'
) }}
with

versions as (
    select
        raw.source, raw.record_id, raw.extracted_at, raw.window_id, raw.window_seq,
        raw.part, raw.line,
        from_json(raw.record, '{"createdAt":"VARCHAR","updatedAt":"VARCHAR","archived":"BOOLEAN","archivedAt":"VARCHAR",
            "url":"VARCHAR","properties":{"createdate":"VARCHAR","name":"VARCHAR","domain_hash":"VARCHAR","industry":"VARCHAR",
            "country":"VARCHAR","hs_merged_object_ids":"VARCHAR"}}') as r
    from {{ source('raw_hubspot', 'hubspot__companies') }} as raw
    {%- if is_incremental() %}
    where (raw.source, raw.record_id) in (
        select (changed.source, changed.record_id)
        from {{ source('raw_hubspot', 'hubspot__companies') }} as changed
        where changed.window_seq > {{ seen_up_to() }}
    )
    {%- endif %}
),

ordered as (
    select
        *,
        -- lists of one window are read side by side: the newer state counts, not the later line
        (window_seq, {{ state_at('r', 'extracted_at') }}, part, line) as version_order
    from versions
    where {{ has_valid_times('r') }}
),

newest as (
    select
        source,
        record_id,
        max_by(r, version_order) as r,
        -- lists of archived records come without properties: there what the version before told stands
        coalesce(
            max_by(r.properties, version_order) filter (where r.properties.createdate is not null),
            max_by(r.properties, version_order)
        ) as p,
        max_by(extracted_at, version_order) as extracted_at,
        max_by(window_id, version_order) as window_id,
        max(window_seq) as window_seq
    from ordered
    group by source, record_id
)

select
    source,
    record_id as source_company_id,
    {{ blank_to_null('p.name') }} as company_name,
    {{ blank_to_null('p.domain_hash') }} as domain_hash,
    {{ blank_to_null('p.industry') }} as industry,
    {{ blank_to_null('p.country') }} as country,
    {{ parse_timestamp('r.createdAt') }} as created_at,
    {{ parse_timestamp('r.updatedAt') }} as updated_at,
    coalesce(r.archived, false) as is_archived,
    {{ parse_timestamp('r.archivedAt') }} as archived_at,
    {{ merged_ids('p.hs_merged_object_ids', "''", 'record_id') }} as merged_ids,
    r.url as source_url,
    extracted_at, window_id, window_seq
from newest

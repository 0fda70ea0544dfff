{{ config(materialized='table') }}
-- One row per person ever seen: the newest version. A person is what the marts call a lead.
select
    newest.source,
    newest.record_id as source_lead_id,
    {{ parse_timestamp('newest.r.add_time') }} as created_at,
    {{ parse_timestamp('newest.r.add_time') }} as source_created_at,
    {{ parse_timestamp('newest.r.update_time') }} as updated_at,
    cast(null as varchar) as lifecycle_stage,
    cast(null as varchar) as lead_status,
    {{ blank_to_null('newest.r.owner_id') }} as owner_id,
    cast(null as varchar) as original_source,
    cast(null as varchar) as original_source_detail,
    cast(null as varchar) as latest_source,
    cast(null as varchar) as object_source,
    cast(null as varchar) as object_source_id,
    cast(null as varchar) as object_source_detail,
    cast(null as varchar) as company_id,
    {{ blank_to_null('newest.r.email_hash') }} as person_hash,
    coalesce({{ parse_boolean('newest.r.is_deleted') }}, false) as is_archived,
    case when {{ parse_boolean('newest.r.is_deleted') }} then {{ parse_timestamp('newest.r.update_time') }} end
        as archived_at,
    cast([] as varchar[]) as merged_ids,
    {{ pipedrive_url('companies.domain', 'person', 'newest.record_id') }} as source_url,
    newest.extracted_at,
    newest.window_id,
    newest.window_seq,
    cast([] as timestamptz[]) as merged_times
from {{ pipedrive_newest('persons', ['owner_id', 'email_hash', 'add_time', 'update_time', 'is_deleted']) }} as newest
left join {{ pipedrive_companies() }} as companies on newest.source = companies.source
where {{ parse_timestamp('newest.r.add_time') }} is not null

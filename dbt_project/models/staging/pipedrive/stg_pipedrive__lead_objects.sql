-- One row per lead of the inbox ever seen: the newest version. Counted, not modelled further, as HubSpot's lead
-- objects. An archived one is done with, not deleted.
select
    source,
    record_id as source_lead_object_id,
    cast(null as varchar) as lead_type,
    cast(null as varchar) as lead_label,
    cast(null as varchar) as pipeline_id,
    cast(null as varchar) as stage_id,
    {{ blank_to_null('r.owner_id') }} as owner_id,
    {{ parse_timestamp('r.add_time') }} as created_at,
    {{ parse_timestamp('r.update_time') }} as updated_at,
    false as is_archived,
    cast(null as timestamptz) as archived_at,
    cast([] as varchar[]) as merged_ids,
    extracted_at,
    window_id,
    window_seq
from {{ pipedrive_newest('leads', ['owner_id', 'add_time', 'update_time']) }} as newest

-- One row per user and list of users in which anything changed, inactive ones included. Their list names no teams.
select
    source,
    record_id as source_owner_id,
    coalesce({{ blank_to_null('r.name') }}, record_id) as owner_name,
    cast(null as varchar) as team_id,
    cast(null as varchar) as team_name,
    coalesce({{ parse_boolean('r.active_flag') }}, true) as is_active,
    {{ pipedrive_time('r.created') }} as created_at,
    extracted_at,
    window_seq,
    part,
    line
from {{ pipedrive_lists('users', ['name', 'active_flag', 'created']) }} as listed

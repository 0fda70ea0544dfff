-- One row per version of a person whose add_time is no time.
select
    source,
    'contacts' as stream,
    record_id,
    'add_time is not a time' as reason,
    coalesce({{ parse_boolean(json_text('record', '$.is_deleted')) }}, false) as is_archived,
    window_seq < max(window_seq) over (partition by source, record_id) as is_superseded,
    cast(record as varchar) as record,
    extracted_at,
    window_id,
    window_seq
from {{ source('raw_pipedrive', 'pipedrive__persons') }}
qualify {{ parse_timestamp(json_text('record', '$.add_time')) }} is null

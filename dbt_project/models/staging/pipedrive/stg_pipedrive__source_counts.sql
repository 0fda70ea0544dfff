-- One row per object: how many the source listed when ids were last compared.
select
    source,
    record_id as object,
    cast({{ json_text('record', '$.live') }} as bigint) as live,
    cast({{ json_text('record', '$.archived') }} as bigint) as archived,
    cast({{ json_text('record', '$.bracket_low') }} as bigint) as bracket_low,
    cast({{ json_text('record', '$.bracket_high') }} as bigint) as bracket_high,
    {{ parse_timestamp(json_text('record', '$.counted_at')) }} as counted_at,
    window_id,
    window_seq,
    cast(null as timestamptz) as swept_at,
    cast(0 as bigint) as silent_changes,
    cast(0 as bigint) as silent_link_changes
from {{ source('raw_pipedrive', 'pipedrive__source_counts') }}
qualify row_number() over (partition by source, record_id order by window_seq desc, part desc, line desc) = 1

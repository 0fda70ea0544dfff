-- One row per object: Salesforce's own count at the end of the newest extraction that asked for it.
select
    source,
    -- the marts' leads are people, which other CRMs call contacts
    case record_id when 'leads' then 'contacts' else record_id end as object,
    cast({{ json_text('record', '$.live') }} as bigint) as live,
    cast({{ json_text('record', '$.archived') }} as bigint) as archived,
    cast(coalesce({{ json_text('record', '$.bracket_low') }}, {{ json_text('record', '$.live') }}) as bigint)
        as bracket_low,
    cast(coalesce({{ json_text('record', '$.bracket_high') }}, {{ json_text('record', '$.live') }}) as bigint)
        as bracket_high,
    {{ parse_timestamp(json_text('record', '$.counted_at')) }} as counted_at,
    window_id,
    window_seq,
    cast(null as timestamptz) as swept_at,
    cast(0 as bigint) as silent_changes,
    cast(0 as bigint) as silent_link_changes
from {{ source('raw_salesforce', 'salesforce__source_counts') }}
qualify row_number() over (partition by source, record_id order by window_seq desc, part desc, line desc) = 1

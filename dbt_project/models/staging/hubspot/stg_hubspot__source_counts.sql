-- One row per object: the source's own count at the end of the newest extraction that asked for it.
with

versions as (
    select
        source, record_id, window_id, window_seq, part, line,
        from_json(record, '{"object":"VARCHAR","live":"BIGINT","archived":"BIGINT","bracket_low":"BIGINT",
            "bracket_high":"BIGINT","counted_at":"VARCHAR"}') as r
    from {{ source('raw_hubspot', 'hubspot__source_counts') }}
    qualify row_number() over (partition by source, record_id order by window_seq desc, part desc, line desc) = 1
)

select
    source,
    record_id as object,
    r.live,
    r.archived,
    coalesce(r.bracket_low, r.live) as bracket_low,
    coalesce(r.bracket_high, r.live) as bracket_high,
    {{ parse_timestamp('r.counted_at') }} as counted_at,
    window_id, window_seq
from versions

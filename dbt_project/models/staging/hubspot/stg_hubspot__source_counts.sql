-- One row per object: the source's own count at the end of the newest extraction that asked for it, and what looks at
-- everything (the weekly sweep, a full sync) found that no modification date told.
with

versions as (
    select
        source, record_id, window_id, window_seq, part, line,
        from_json(record, '{"object":"VARCHAR","live":"BIGINT","archived":"BIGINT","bracket_low":"BIGINT",
            "bracket_high":"BIGINT","counted_at":"VARCHAR"}') as r
    from {{ source('raw_hubspot', 'hubspot__source_counts') }}
    qualify row_number() over (partition by source, record_id order by window_seq desc, part desc, line desc) = 1
),

counts as (
    select
        source, record_id as object, r.live, r.archived,
        coalesce(r.bracket_low, r.live) as bracket_low,
        coalesce(r.bracket_high, r.live) as bracket_high,
        {{ parse_timestamp('r.counted_at') }} as counted_at,
        window_id, window_seq
    from versions
),

windows as (
    select
        source, stream, window_seq,
        {{ parse_timestamp(json_text('details', '$.swept_ms')) }} as swept_at,
        cast({{ json_text('details', '$.sweep.silent_changes') }} as bigint) as silent_changes
    from {{ source('raw', '_windows') }}
    where vendor = 'hubspot'
),

looks as (
    select
        source,
        case when stream in ('deal_contacts', 'deal_companies') then 'deals' else stream end as object,
        max_by(swept_at, window_seq) as swept_at,
        sum(case when stream not in ('deal_contacts', 'deal_companies') then silent_changes end) as silent_changes,
        sum(case when stream in ('deal_contacts', 'deal_companies') then silent_changes end) as silent_link_changes
    from windows
    group by 1, 2
)

select
    counts.*,
    looks.swept_at,
    cast(coalesce(looks.silent_changes, 0) as bigint) as silent_changes,
    cast(coalesce(looks.silent_link_changes, 0) as bigint) as silent_link_changes
from counts
left join looks on counts.source = looks.source and counts.object = looks.object

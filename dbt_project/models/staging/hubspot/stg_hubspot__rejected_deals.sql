-- One row per deal record that did not parse (its previous good version is used instead), and per history entry of
-- a deal's newest version that did not (left out by itself, the rest is kept).
with newest as (
    select
        source,
        source_deal_id,
        max_by(window_id, (window_seq, state_at, part, line)) as window_id,
        max_by(part, (window_seq, state_at, part, line)) as part,
        max_by(line, (window_seq, state_at, part, line)) as line
    from {{ ref('stg_hubspot__deal_versions') }}
    group by source, source_deal_id
),

rejected as (
    select
        versions.source,
        versions.source_deal_id,
        versions.reject_reason,
        versions.bad_entries,
        newest.source_deal_id is not null as is_newest,
        versions.window_id,
        versions.window_seq,
        versions.part,
        versions.line,
        versions.extracted_at
    from {{ ref('stg_hubspot__deal_versions') }} as versions
    left join newest
        on
            versions.source = newest.source
            and versions.source_deal_id = newest.source_deal_id
            and versions.window_id = newest.window_id
            and versions.part = newest.part
            and versions.line = newest.line
    where versions.reject_reason is not null or versions.bad_entries is not null
),

entries as (
    select
        source,
        source_deal_id,
        window_id,
        window_seq,
        extracted_at,
        {{ explode('bad_entries', 'bad') }}
    from rejected
    where is_newest and reject_reason is null
)

select
    rejected.source,
    'deals' as stream,
    rejected.source_deal_id as record_id,
    rejected.reject_reason as reason,
    -- A newer version has arrived since, so that the reject no longer costs anything.
    not rejected.is_newest as is_superseded,
    rejected.window_id,
    rejected.window_seq,
    rejected.extracted_at,
    cast(raw_deals.record as varchar) as record
from rejected
inner join {{ source('raw_hubspot', 'hubspot__deals') }} as raw_deals
    on
        rejected.window_seq = raw_deals.window_seq
        and rejected.part = raw_deals.part
        and rejected.line = raw_deals.line
where rejected.reject_reason is not null
union all
select
    source,
    'deals' as stream,
    source_deal_id as record_id,
    case
        when {{ parse_timestamp('bad.entry.timestamp') }} is null
            then 'history entry of ' || bad.property || ': timestamp is not a date'
        else 'history entry of ' || bad.property || ': value does not parse'
    end as reason,
    false as is_superseded,
    window_id,
    window_seq,
    extracted_at,
    cast(bad.entry as varchar) as record
from entries

-- One row per version of a deal that does not parse, with the reason and the raw record.
select
    versions.source,
    'deals' as stream,
    versions.source_deal_id as record_id,
    versions.reject_reason as reason,
    versions.window_seq < max(versions.window_seq) over (partition by versions.source, versions.source_deal_id)
        as is_superseded,
    versions.window_id,
    versions.window_seq,
    versions.extracted_at,
    cast(raw_deals.record as varchar) as record
from {{ ref('stg_pipedrive__deal_versions') }} as versions
inner join {{ source('raw_pipedrive', 'pipedrive__deals') }} as raw_deals
    on
        versions.window_seq = raw_deals.window_seq
        and versions.part = raw_deals.part
        and versions.line = raw_deals.line
qualify versions.reject_reason is not null

-- One row per deal and property of funnel.yml whose value, or entries of whose history, do not parse: these are null or
-- left out, the deal itself stands.
with rejects as (
    select
        source,
        source_deal_id,
        window_id,
        window_seq,
        extracted_at,
        {{ explode('rejects', 'reject') }}
    from {{ ref('stg_hubspot__deal_properties') }}
)

select
    source,
    'deal_properties' as stream,
    source_deal_id as record_id,
    reject.reason,
    false as is_superseded,
    window_id,
    window_seq,
    extracted_at,
    string_agg(reject.record, '; ' order by reject.record) as record
from rejects
group by source, source_deal_id, reject.reason, window_id, window_seq, extracted_at

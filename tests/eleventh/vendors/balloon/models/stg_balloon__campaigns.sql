-- One row per banner and list that had it.
select
    source,
    record_id as source_campaign_id,
    coalesce({{ blank_to_null("record ->> '$.title'") }}, record_id) as campaign_name,
    'outdoor' as channel,
    lower(record ->> '$.state') as status,
    extracted_at,
    window_seq
from {{ source('raw_balloon', 'balloon__campaigns') }}

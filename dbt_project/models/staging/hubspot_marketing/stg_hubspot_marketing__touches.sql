-- One row per version of a submission of a form: how the person came is what the page's UTM parameters say.
select
    source,
    record_id as touch_id,
    'form' as touch_type,
    {{ parse_timestamp("record ->> '$.at'") }} as touch_at,
    {{ blank_to_null("record ->> '$.email_hash'") }} as person_hash,
    cast(null as varchar) as source_lead_id,
    coalesce(
        {{ channel_of_utm("(record ->> '$.utm_source')", "(record ->> '$.utm_medium')") }}, 'direct'
    ) as channel,
    cast(null as varchar) as source_campaign_id,
    {{ blank_to_null("record ->> '$.utm_campaign'") }} as campaign_name,
    false as is_gone,
    extracted_at,
    window_seq
from {{ source('raw_hubspot_marketing', 'hubspot_marketing__touches') }}

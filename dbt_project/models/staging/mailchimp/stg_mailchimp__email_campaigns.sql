-- One row per version of an e-mail's report: counters since it was sent.
select
    source,
    record_id as source_campaign_id,
    coalesce({{ blank_to_null("record ->> '$.campaign_title'") }}, record_id) as campaign_name,
    {{ parse_timestamp("record ->> '$.at'") }} as sent_at,
    coalesce(try_cast(record ->> '$.emails_sent' as bigint), 0) as emails_sent,
    coalesce(try_cast(record ->> '$.opens.opens_total' as bigint), 0) as opens,
    coalesce(try_cast(record ->> '$.opens.unique_opens' as bigint), 0) as unique_opens,
    coalesce(try_cast(record ->> '$.clicks.clicks_total' as bigint), 0) as clicks,
    coalesce(try_cast(record ->> '$.clicks.unique_subscriber_clicks' as bigint), 0) as unique_clicks,
    coalesce(try_cast(record ->> '$.unsubscribed' as bigint), 0) as unsubscribed,
    coalesce(try_cast(record ->> '$.bounces.hard_bounces' as bigint), 0)
    + coalesce(try_cast(record ->> '$.bounces.soft_bounces' as bigint), 0) as bounces,
    extracted_at,
    window_seq
from {{ source('raw_mailchimp', 'mailchimp__email_campaigns') }}

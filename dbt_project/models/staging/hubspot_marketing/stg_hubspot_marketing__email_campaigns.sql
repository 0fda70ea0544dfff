-- One row per version of a marketing e-mail: HubSpot counts recipients, not their acts.
with records as (
    select
        source,
        record_id,
        extracted_at,
        window_seq,
        {{ blank_to_null("record ->> '$.name'") }} as name,
        {{ parse_timestamp("record ->> '$.at'") }} as sent_at,
        {% for name in ['sent', 'open', 'click', 'unsubscribed', 'bounce'] -%}
            coalesce(try_cast(record ->> '$.counters.{{ name }}' as bigint), 0)
                as {{ name }}_count{{ ',' if not loop.last }}
        {% endfor %}
    from {{ source('raw_hubspot_marketing', 'hubspot_marketing__email_campaigns') }}
)

select
    source,
    record_id as source_campaign_id,
    coalesce(name, record_id) as campaign_name,
    sent_at,
    sent_count as emails_sent,
    open_count as opens,
    open_count as unique_opens,
    click_count as clicks,
    click_count as unique_clicks,
    unsubscribed_count as unsubscribed,
    bounce_count as bounces,
    extracted_at,
    window_seq
from records

-- One row per e-mail campaign that was sent: its counters since, as the vendor last told them.
with reports as (
    {{ union_vendors('email_campaigns') }}
),

newest as (
    select *
    from reports
    qualify row_number() over (
        partition by source, source_campaign_id order by window_seq desc, extracted_at desc
    ) = 1
)

select
    {{ entity_key('source', 'source_campaign_id') }} as campaign_key,
    source,
    campaign_name,
    sent_at,
    {{ to_reporting_date('sent_at') }} as sent_date,
    emails_sent,
    opens,
    unique_opens,
    clicks,
    unique_clicks,
    unsubscribed,
    bounces
from newest
where sent_at < {{ as_of() }}

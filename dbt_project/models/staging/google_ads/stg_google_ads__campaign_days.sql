-- One row per version of a campaign's figures of a day. What is absent is 0; a row that is gone has no figures.
with records as (
    select
        source,
        extracted_at,
        window_seq,
        from_json(record, '{"campaign_id":"VARCHAR","date":"VARCHAR","customer":{"currencyCode":"VARCHAR"},
            "metrics":{"impressions":"VARCHAR","clicks":"VARCHAR","costMicros":"VARCHAR","conversions":"VARCHAR"}}') as r
    from {{ source('raw_google_ads', 'google_ads__campaign_days') }}
)

select
    source,
    r.campaign_id as source_campaign_id,
    try_cast(r.date as date) as date,
    coalesce(try_cast(r.metrics.impressions as bigint), 0) as impressions,
    coalesce(try_cast(r.metrics.clicks as bigint), 0) as clicks,
    cast(coalesce(try_cast(r.metrics.costmicros as decimal(24, 0)), 0) / 1000000 as decimal(18, 6)) as cost,
    -- a row that is gone says no currency: the account's is one
    coalesce(
        upper(r.customer.currencycode), max(upper(r.customer.currencycode)) over (partition by source, r.campaign_id)
    ) as currency,
    coalesce({{ parse_double('r.metrics.conversions') }}, 0) as conversions,
    extracted_at,
    window_seq
from records

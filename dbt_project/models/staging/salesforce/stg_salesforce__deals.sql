-- One row per opportunity ever seen: its newest version that parses.
with ranked as (
    select
        *,
        min(extracted_at) over (partition by source, source_deal_id) as first_extracted_at,
        row_number() over (
            partition by source, source_deal_id
            order by window_seq desc, state_at desc, part desc, line desc
        ) as age
    from {{ ref('stg_salesforce__deal_versions') }}
    where reject_reason is null
),

organizations as (
    select
        source,
        upper({{ blank_to_null('r.defaultcurrencyisocode') }}) as home_currency,
        {{ blank_to_null('r.instanceurl') }} as instance_url
    from {{ salesforce_listed('organization', ['DefaultCurrencyIsoCode', 'InstanceUrl']) }} as listed
),

-- Dated rates are units of a currency for one unit of the corporate one, by the opportunity's close date.
rates as (
    select
        source,
        upper(r.isocode) as currency,
        try_cast(r.startdate as date) as starts_on,
        try_cast(r.nextstartdate as date) as ends_before,
        {{ parse_double('r.conversionrate') }} as units
    from {{ salesforce_listed('dated_conversion_rates', ['IsoCode', 'StartDate', 'NextStartDate', 'ConversionRate']) }}
        as listed
),

campaigns as (
    select source, record_id, r.name as campaign_name
    from {{ salesforce_newest('campaigns', ['Name', 'SystemModstamp']) }} as newest
)

select
    ranked.source,
    ranked.source_deal_id,
    ranked.deal_name,
    ranked.pipeline_id,
    ranked.stage_id,
    ranked.amount,
    coalesce(ranked.currency, organizations.home_currency) as currency,
    cast(null as decimal(18, 2)) as amount_in_home_currency,
    case
        when coalesce(ranked.currency, organizations.home_currency) = organizations.home_currency then 1.0
        else 1 / nullif(rates.units, 0)
    end as exchange_rate,
    ranked.close_date_at,
    ranked.created_at,
    ranked.created_at as source_created_at,
    ranked.updated_at,
    ranked.owner_id,
    ranked.deal_type_raw,
    ranked.forecast_category,
    cast(null as varchar) as lost_reason,
    cast(null as varchar) as won_reason,
    cast(null as varchar) as object_source,
    cast(null as varchar) as object_source_id,
    cast(null as varchar) as object_source_detail,
    ranked.original_source,
    cast(null as varchar) as original_source_detail,
    cast(null as varchar) as original_source_detail_2,
    cast(null as varchar) as latest_source,
    campaigns.campaign_name as campaign,
    cast(null as varchar) as utm_source,
    cast(null as varchar) as utm_medium,
    cast(null as varchar) as utm_campaign,
    cast(null as varchar) as utm_content,
    cast(null as varchar) as utm_term,
    ranked.last_contacted_at,
    cast(null as timestamptz) as next_activity_at,
    ranked.is_archived,
    ranked.archived_at,
    cast(null as varchar) as merged_ids,
    {{ salesforce_url('organizations.instance_url', 'ranked.source_deal_id') }} as source_url,
    ranked.extracted_at,
    ranked.first_extracted_at,
    ranked.window_id,
    ranked.window_seq
from ranked
left join organizations on ranked.source = organizations.source
left join rates
    on
        ranked.source = rates.source
        and coalesce(ranked.currency, organizations.home_currency) = rates.currency
        and {{ to_reporting_date('ranked.close_date_at') }} >= rates.starts_on
        and {{ to_reporting_date('ranked.close_date_at') }} < coalesce(rates.ends_before, date '9999-12-31')
left join campaigns on ranked.source = campaigns.source and ranked.campaign_id = campaigns.record_id
where ranked.age = 1

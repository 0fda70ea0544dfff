{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}
-- One row per raw version of an opportunity, parsed once and kept. What does not parse carries a reject_reason.
with versions as (
    select
        source,
        record_id,
        extracted_at,
        window_id,
        window_seq,
        part,
        line,
        from_json(record, '{{ salesforce_shape([
            'Name', 'StageName', 'Amount', 'CurrencyIsoCode', 'Probability', 'CloseDate', 'ForecastCategory', 'OwnerId',
            'AccountId', 'CampaignId', 'LeadSource', 'RecordTypeId', 'Type', 'LastActivityDate', 'CreatedDate',
            'SystemModstamp', 'IsDeleted',
        ]) }}') as r,
        json_keys(record) as told_fields
    from {{ source('raw_salesforce', 'salesforce__opportunities') }}
    {% if is_incremental() %}where window_seq > {{ seen_up_to() }}{% endif %}
),

parsed as (
    select
        *,
        {{ blank_to_null('r.amount') }} as amount_text,
        {{ parse_money(blank_to_null('r.amount')) }} as amount,
        {{ blank_to_null('r.closedate') }} as close_text,
        {{ salesforce_day('r.closedate') }} as close_date_at,
        {{ parse_timestamp('r.createddate') }} as created_at,
        {{ parse_timestamp('r.systemmodstamp') }} as updated_at,
        coalesce({{ parse_boolean('r.isdeleted') }}, false) as is_archived
    from versions
)

select
    source,
    record_id as source_deal_id,
    r.name as deal_name,
    coalesce({{ blank_to_null('r.recordtypeid') }}, {{ salesforce_master_type() }}) as pipeline_id,
    {{ blank_to_null('r.stagename') }} as stage_id,
    amount,
    upper({{ blank_to_null('r.currencyisocode') }}) as currency,
    close_date_at,
    created_at,
    updated_at,
    {{ blank_to_null('r.ownerid') }} as owner_id,
    {{ blank_to_null('r.accountid') }} as account_id,
    {{ blank_to_null('r.campaignid') }} as campaign_id,
    {{ blank_to_null('r.type') }} as deal_type_raw,
    {{ blank_to_null('r.forecastcategory') }} as forecast_category,
    {{ blank_to_null('r.leadsource') }} as original_source,
    {{ parse_timestamp('r.lastactivitydate') }} as last_contacted_at,
    is_archived,
    case when is_archived then updated_at end as archived_at,
    case
        when amount_text is not null and amount is null then 'Amount is not a number'
        when close_text is not null and close_date_at is null then 'CloseDate is not a date'
        when created_at is null then 'CreatedDate is not a date'
        when updated_at is null then 'SystemModstamp is not a date'
    end as reject_reason,
    coalesce(updated_at, extracted_at) as state_at,
    told_fields,
    extracted_at,
    window_id,
    window_seq,
    part,
    line
from parsed

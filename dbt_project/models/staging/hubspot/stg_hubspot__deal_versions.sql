{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}
-- One row per raw version of a deal, parsed once and kept. What does not parse carries a reject_reason, and history
-- entries that do not are listed in bad_entries (null: none).
with raw_versions as (
    select
        source,
        record_id,
        extracted_at,
        window_id,
        window_seq,
        part,
        line,
        {{ json_fields('record', hubspot_record_fields(), hubspot_deal_properties(), history=true) }} as r
    from {{ source('raw_hubspot', 'hubspot__deals') }}
    {% if is_incremental() %}where window_seq > {{ seen_up_to() }}{% endif %}
),

histories as (
    select
        window_seq,
        part,
        line,
        {{ explode('map_entries(r.propertiesWithHistory)', 'history') }}
    from raw_versions
),

entries as (
    select
        window_seq,
        part,
        line,
        history.key as property,
        {{ hubspot_deal_field('history.key') }} as field,
        {{ explode('history.value', 'entry') }}
    from histories
    where {{ hubspot_deal_field('history.key') }} is not null
),

bad_entries as (
    select
        window_seq,
        part,
        line,
        list(struct_pack(property := property, entry := entry) order by property, entry) as bad_entries
    from entries
    where
        {{ parse_timestamp('entry.timestamp') }} is null
        -- of the other fields any text will do
        or (
            field in ('amount', 'close_date')
            and {{ blank_to_null('entry.value') }} is not null
            and {{ hubspot_field_value('field', blank_to_null('entry.value')) }} is null
        )
    group by window_seq, part, line
),

texts as (
    select
        source,
        record_id,
        extracted_at,
        window_id,
        window_seq,
        part,
        line,
        {{ blank_to_null('r.createdAt') }} as created_text,
        {{ blank_to_null('r.updatedAt') }} as updated_text,
        {{ blank_to_null('r.archivedAt') }} as archived_text,
        coalesce({{ parse_boolean('r.archived') }}, false) as is_archived,
        {{ blank_to_null('r.url') }} as source_url,
        r.properties as p,
        {{ blank_to_null('r.properties.amount') }} as amount_text,
        {{ blank_to_null('r.properties.createdate') }} as createdate_text,
        {{ blank_to_null('r.properties.closedate') }} as closedate_text
    from raw_versions
),

parsed as (
    select
        *,
        {{ parse_money('amount_text') }} as amount,
        {{ parse_timestamp('createdate_text') }} as createdate,
        {{ parse_timestamp('closedate_text') }} as close_date_at,
        {{ parse_timestamp('created_text') }} as source_created_at,
        coalesce({{ parse_timestamp('updated_text') }}, {{ parse_timestamp('p.hs_lastmodifieddate') }}) as updated_at,
        {{ parse_timestamp('archived_text') }} as archived_at
    from texts
),

versions as (
    select
        parsed.*,
        bad_entries.bad_entries
    from parsed
    left join bad_entries
        on
            parsed.window_seq = bad_entries.window_seq
            and parsed.part = bad_entries.part
            and parsed.line = bad_entries.line
)

select
    source,
    record_id as source_deal_id,
    p.dealname as deal_name,
    {{ blank_to_null('p.pipeline') }} as pipeline_id,
    {{ blank_to_null('p.dealstage') }} as stage_id,
    amount,
    upper({{ blank_to_null('p.deal_currency_code') }}) as currency,
    {{ parse_money(blank_to_null('p.amount_in_home_currency')) }} as amount_in_home_currency,
    {{ parse_double(blank_to_null('p.hs_exchange_rate')) }} as exchange_rate,
    close_date_at,
    coalesce(createdate, source_created_at) as created_at,
    source_created_at,
    updated_at,
    {{ blank_to_null('p.hubspot_owner_id') }} as owner_id,
    {{ blank_to_null('p.dealtype') }} as deal_type_raw,
    {{ blank_to_null('p.hs_manual_forecast_category') }} as forecast_category,
    {{ blank_to_null('p.closed_lost_reason') }} as lost_reason,
    {{ blank_to_null('p.closed_won_reason') }} as won_reason,
    {{ blank_to_null('p.hs_object_source') }} as object_source,
    {{ blank_to_null('p.hs_object_source_id') }} as object_source_id,
    {{ blank_to_null('p.hs_object_source_detail_1') }} as object_source_detail,
    {{ blank_to_null('p.hs_analytics_source') }} as original_source,
    {{ blank_to_null('p.hs_analytics_source_data_1') }} as original_source_detail,
    {{ blank_to_null('p.hs_analytics_source_data_2') }} as original_source_detail_2,
    {{ blank_to_null('p.hs_analytics_latest_source') }} as latest_source,
    {{ blank_to_null('p.hs_campaign') }} as campaign,
    {{ blank_to_null('p.utm_source') }} as utm_source,
    {{ blank_to_null('p.utm_medium') }} as utm_medium,
    {{ blank_to_null('p.utm_campaign') }} as utm_campaign,
    {{ blank_to_null('p.utm_content') }} as utm_content,
    {{ blank_to_null('p.utm_term') }} as utm_term,
    {{ parse_timestamp('p.notes_last_contacted') }} as last_contacted_at,
    {{ parse_timestamp('p.notes_next_activity_date') }} as next_activity_at,
    is_archived,
    archived_at,
    {{ blank_to_null('p.hs_merged_object_ids') }} as merged_ids,
    source_url,
    case
        when amount_text is not null and amount is null then 'amount is not a number'
        when createdate_text is not null and createdate is null then 'createdate is not a date'
        when closedate_text is not null and close_date_at is null then 'closedate is not a date'
        when created_text is not null and source_created_at is null then 'createdAt is not a date'
    end as reject_reason,
    -- Within one window lists are read side by side, so that lines alone do not tell which state came last.
    coalesce(greatest(updated_at, archived_at), extracted_at) as state_at,
    bad_entries,
    extracted_at,
    window_id,
    window_seq,
    part,
    line
from versions

{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}
-- One row per raw version of a deal, parsed once and kept. What does not parse carries a reject_reason.
with versions as (
    select
        source,
        record_id,
        extracted_at,
        window_id,
        window_seq,
        part,
        line,
        {{ json_fields('record', [
            'title', 'pipeline_id', 'stage_id', 'status', 'value', 'currency', 'expected_close_date', 'add_time',
            'update_time', 'close_time', 'won_time', 'lost_time', 'lost_reason', 'owner_id', 'person_id', 'origin',
            'is_deleted',
        ]) }} as r
    from {{ source('raw_pipedrive', 'pipedrive__deals') }}
    {% if is_incremental() %}where window_seq > {{ seen_up_to() }}{% endif %}
),

parsed as (
    select
        *,
        {{ blank_to_null('r.value') }} as amount_text,
        {{ parse_money(blank_to_null('r.value')) }} as amount,
        {{ parse_timestamp('r.add_time') }} as created_at,
        {{ parse_timestamp('r.update_time') }} as updated_at,
        coalesce({{ parse_boolean('r.is_deleted') }}, false) as is_archived,
        -- a deleted deal's status says no more than that it is deleted
        case
            when r.status <> 'deleted' then r.status
            when {{ parse_timestamp('r.won_time') }} >= coalesce({{ parse_timestamp('r.lost_time') }}, created_at)
                then 'won'
            when r.lost_time is not null then 'lost'
            else 'open'
        end as status
    from versions
)

select
    source,
    record_id as source_deal_id,
    r.title as deal_name,
    r.pipeline_id,
    {{ pipedrive_stage('r.pipeline_id', 'r.stage_id', 'status') }} as stage_id,
    amount,
    upper({{ blank_to_null('r.currency') }}) as currency,
    case
        when status in ('won', 'lost') then {{ parse_timestamp('r.close_time') }}
        else {{ pipedrive_day('r.expected_close_date') }}
    end as close_date_at,
    created_at,
    updated_at,
    {{ blank_to_null('r.owner_id') }} as owner_id,
    {{ blank_to_null('r.person_id') }} as person_id,
    {{ blank_to_null('r.lost_reason') }} as lost_reason,
    {{ blank_to_null('r.origin') }} as original_source,
    is_archived,
    case when is_archived then updated_at end as archived_at,
    case
        when amount_text is not null and amount is null then 'value is not a number'
        when created_at is null then 'add_time is not a date'
        when updated_at is null then 'update_time is not a date'
    end as reject_reason,
    coalesce(updated_at, extracted_at) as state_at,
    extracted_at,
    window_id,
    window_seq,
    part,
    line
from parsed

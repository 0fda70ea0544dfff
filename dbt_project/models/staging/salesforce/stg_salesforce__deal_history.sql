{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}
-- One row per landed row of an opportunity's history: of OpportunityHistory one per field that it carries, of
-- OpportunityFieldHistory the field that it is about (owner, record type, type), with the value before.
with snapshots as (
    select
        source,
        record_id,
        extracted_at,
        window_seq,
        part,
        line,
        from_json(record, '{{ salesforce_shape([
            'OpportunityId', 'StageName', 'Amount', 'CloseDate', 'ForecastCategory', 'CreatedDate',
        ]) }}') as r
    from {{ source('raw_salesforce', 'salesforce__opportunity_history') }}
    {% if is_incremental() %}where window_seq > {{ seen_up_to() }}{% endif %}
),

edits as (
    select
        source,
        record_id,
        extracted_at,
        window_seq,
        part,
        line,
        from_json(record, '{{ salesforce_shape([
            'OpportunityId', 'Field', 'OldValue', 'NewValue', 'CreatedDate',
        ]) }}') as r
    from {{ source('raw_salesforce', 'salesforce__opportunity_field_history') }}
    {% if is_incremental() %}where window_seq > {{ seen_up_to() }}{% endif %}
),

fields as (
    {%- for field, name in {
        'stage': 'StageName', 'amount': 'Amount', 'close_date': 'CloseDate', 'forecast_category': 'ForecastCategory',
    }.items() %}
    select
        source, record_id, r.opportunityid as source_deal_id, '{{ field }}' as field, false as is_edit,
        {{ parse_timestamp('r.createddate') }} as effective_at,
        {{ salesforce_field_value("'" ~ field ~ "'", blank_to_null('r.' ~ (name | lower))) }} as value,
        cast(null as varchar) as value_before, extracted_at, window_seq, part, line
    from snapshots
    union all
    {%- endfor %}
    -- A lookup writes two rows, one with names and one with ids; ids of users begin with 005, of queues with 00G, of
    -- record types with 012.
    select
        source, record_id, r.opportunityid as source_deal_id,
        case r.field when 'Owner' then 'owner' when 'RecordType' then 'pipeline' else 'deal_type' end as field,
        true as is_edit,
        {{ parse_timestamp('r.createddate') }} as effective_at,
        {{ blank_to_null('r.newvalue') }} as value,
        {{ blank_to_null('r.oldvalue') }} as value_before,
        extracted_at, window_seq, part, line
    from edits
    where
        r.field = 'Type'
        or (r.field = 'Owner' and {{ salesforce_is_id('coalesce(r.newvalue, r.oldvalue)', '00[5G]') }})
        or (r.field = 'RecordType' and {{ salesforce_is_id('coalesce(r.newvalue, r.oldvalue)', '012') }})
)

select *
from fields
where source_deal_id is not null and effective_at is not null

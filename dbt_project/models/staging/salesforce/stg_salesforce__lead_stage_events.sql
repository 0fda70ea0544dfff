{{ config(materialized='table') }}
-- One row per change of a lead's status or owner that its history tells. The history of the status is there only where
-- its field is tracked; without it the newest value stands since the lead was made (int_lead_events).
with histories as (
    select
        source,
        record_id,
        window_seq,
        from_json(record, '{{ salesforce_shape(['LeadId', 'Field', 'OldValue', 'NewValue', 'CreatedDate']) }}') as r
    from {{ source('raw_salesforce', 'salesforce__lead_history') }}
    qualify row_number() over (partition by source, record_id order by window_seq desc, part desc, line desc) = 1
),

edits as (
    select
        source,
        record_id,
        r.leadid as source_lead_id,
        case r.field when 'Status' then 'lifecycle_stage' else 'owner' end as field,
        {{ parse_timestamp('r.createddate') }} as effective_at,
        {{ blank_to_null('r.newvalue') }} as value,
        {{ blank_to_null('r.oldvalue') }} as value_before,
        window_seq
    from histories
    where
        r.field = 'Status'
        or (r.field = 'Owner' and {{ salesforce_is_id('coalesce(r.newvalue, r.oldvalue)', '00[5G]') }})
),

events as (
    select source, source_lead_id, field, effective_at, record_id, value, window_seq
    from edits
    where effective_at is not null
    union all
    select
        edits.source, edits.source_lead_id, edits.field, leads.created_at as effective_at, '' as record_id,
        edits.value_before as value, edits.window_seq
    from edits
    inner join {{ ref('stg_salesforce__leads') }} as leads
        on edits.source = leads.source and edits.source_lead_id = leads.source_lead_id
    where edits.value_before is not null
    qualify row_number() over (
        partition by edits.source, edits.source_lead_id, edits.field order by edits.effective_at, edits.record_id
    ) = 1
)

select
    source,
    source_lead_id,
    field,
    effective_at,
    cast(row_number() over (
        partition by source, source_lead_id, field, effective_at order by record_id
    ) - 1 as integer) as sequence,
    value,
    cast(max(window_seq) over (partition by source, source_lead_id) as bigint) as window_seq
from events

-- One row per change of a lead's lifecycle stage, status or owner, uncut by as_of. Where the record is newer than its
-- history, or came without one, the record's own value is the last event.
{%- set fields = {'lifecycle_stage': 'lifecycle_stage', 'lead_status': 'lead_status', 'owner': 'owner_id'} %}
with

told as (
    {{ union_vendors('lead_stage_events') }}
),

newest as (
    select *
    from told
    qualify row_number() over (
        partition by source, source_lead_id, field order by effective_at desc, sequence desc
    ) = 1
),

records as (
    {%- for field, column in fields.items() %}
    select source, source_lead_id, created_at, updated_at, '{{ field }}' as field, {{ column }} as value
    from {{ ref('int_leads') }}
    where {{ column }} is not null
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

events as (
    select source, source_lead_id, field, effective_at, sequence, value
    from told
    union all
    select
        records.source, records.source_lead_id, records.field,
        case
            when newest.effective_at is null then records.created_at
            else greatest(newest.effective_at, records.updated_at)
        end as effective_at,
        coalesce(newest.sequence, -1) + 1 as sequence,
        records.value
    from records
    left join newest
        on
            records.source = newest.source
            and records.source_lead_id = newest.source_lead_id
            and records.field = newest.field
    where records.value is distinct from newest.value
)

select
    {{ entity_key('source', 'source_lead_id') }} as lead_key,
    source,
    field,
    effective_at,
    sequence,
    value
from events

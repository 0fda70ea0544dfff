-- One row per change of a contact's lifecycle stage, lead status or owner ever seen in any version of the contact.
{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['source', 'source_lead_id'],
    on_schema_change='fail'
) }}

{%- set properties = {
    'lifecyclestage': 'lifecycle_stage', 'hs_lead_status': 'lead_status', 'hubspot_owner_id': 'owner'
} %}

with

versions as (
    select
        raw.source, raw.record_id, raw.extracted_at, raw.window_seq, raw.part, raw.line,
        from_json(raw.record -> '$.propertiesWithHistory', '{
            {%- for name in properties %}"{{ name }}":[{"value":"VARCHAR","timestamp":"VARCHAR"}]{{ ',' if not loop.last }}
            {%- endfor %}}') as h
    from {{ source('raw_hubspot', 'hubspot__contacts') }} as raw
    {%- if is_incremental() %}
    -- a contact in a new window is rebuilt from all its versions: an event once seen stays
    where (raw.source, raw.record_id) in (
        select (changed.source, changed.record_id)
        from {{ source('raw_hubspot', 'hubspot__contacts') }} as changed
        where changed.window_seq > {{ seen_up_to() }}
    )
    {%- endif %}
),

entries as (
    {%- for name, field in properties.items() %}
    select
        source, record_id, window_seq, part, line, '{{ field }}' as field,
        unnest(h.{{ name }}) as e, generate_subscripts(h.{{ name }}, 1) as position
    from versions
    {%- if not loop.last %} union all {% endif %}
    {%- endfor %}
),

timed as (
    select *, {{ parse_timestamp('e.timestamp') }} as effective_at from entries
),

sized as (
    select
        *,
        count(*) over (partition by source, record_id, field, effective_at, window_seq, part, line) as entries_at_once
    from timed
    where effective_at is not null
),

-- several changes may share a millisecond: of one instant the version that tells most is believed, whole
told as (
    select
        *,
        dense_rank() over (
            partition by source, record_id, field, effective_at
            order by entries_at_once desc, window_seq desc, part desc, line desc
        ) as version_rank
    from sized
)

select
    source,
    record_id as source_lead_id,
    field,
    effective_at,
    -- the API lists the newest first
    cast(row_number() over (
        partition by source, record_id, field, effective_at order by position desc
    ) - 1 as integer) as sequence,
    nullif(e.value, '') as value,
    cast(max(window_seq) over (partition by source, record_id) as bigint) as window_seq
from told
where version_rank = 1

{{ config(materialized='table') }}
-- One row per field of an object, as listed in each list that differs from the list before it.
with listed as (
    select
        source,
        extracted_at,
        window_seq,
        from_json(record, '{{ salesforce_shape(['object', 'name', 'label', 'type']) }}') as r
    from {{ source('raw_salesforce', 'salesforce__fields') }}
),

lists as (
    select
        source,
        r.object,
        window_seq,
        {{ hash_of(["string_agg(" ~ hash_of(['r.name', 'r.label', 'r.type'])
            ~ ", '' order by r.name)"]) }} as fingerprint
    from listed
    group by source, r.object, window_seq
),

changes as (
    select *
    from lists
    qualify lag(fingerprint) over (partition by source, object order by window_seq) is distinct from fingerprint
)

select
    listed.source,
    listed.r.object,
    listed.r.name as property_name,
    coalesce({{ blank_to_null('listed.r.label') }}, listed.r.name) as property_label,
    {{ blank_to_null('listed.r.type') }} as property_type,
    listed.extracted_at,
    listed.window_seq
from listed
inner join changes
    on
        listed.source = changes.source
        and listed.r.object = changes.object
        and listed.window_seq = changes.window_seq
where listed.r.name is not null

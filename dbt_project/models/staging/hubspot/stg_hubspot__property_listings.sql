{{ config(materialized='table') }}
-- One row per property, as listed in each list of its object's properties that differs from the list before it.
-- A list is whole: a property that is absent from it was removed.
with listed as (
    select
        source,
        extracted_at,
        window_seq,
        part,
        line,
        from_json(record, '{"object":"VARCHAR","name":"VARCHAR","label":"VARCHAR","type":"VARCHAR",
            "archived":"BOOLEAN"}') as r
    from {{ source('raw_hubspot', 'hubspot__properties') }}
),

properties as (
    select
        source,
        r.object,
        r.name as property_name,
        extracted_at,
        window_seq,
        max_by({{ blank_to_null('r.label') }}, (part, line)) as property_label,
        max_by({{ blank_to_null('r.type') }}, (part, line)) as property_type
    from listed
    where r.name is not null and not coalesce(r.archived, false)
    group by source, r.object, r.name, extracted_at, window_seq
),

lists as (
    select
        source,
        object,
        window_seq,
        {{ hash_of(["string_agg(" ~ hash_of(['property_name', 'property_label', 'property_type'])
            ~ ", '' order by property_name)"]) }} as fingerprint
    from properties
    group by source, object, window_seq
),

compared as (
    select
        *,
        lag(fingerprint) over (partition by source, object order by window_seq) as previous_fingerprint
    from lists
)

select
    properties.source,
    properties.object,
    properties.property_name,
    coalesce(properties.property_label, properties.property_name) as property_label,
    properties.property_type,
    properties.extracted_at,
    properties.window_seq
from properties
inner join compared
    on
        properties.source = compared.source
        and properties.object = compared.object
        and properties.window_seq = compared.window_seq
where compared.previous_fingerprint is distinct from compared.fingerprint

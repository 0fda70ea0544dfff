-- One row per property of an object: its newest definition. Those absent from the newest whole list are removed ones.
with

versions as (
    select
        source, record_id, extracted_at, window_id, window_seq, part, line,
        from_json(record, '{"object":"VARCHAR","name":"VARCHAR","label":"VARCHAR","type":"VARCHAR",
            "fieldType":"VARCHAR","calculated":"BOOLEAN","archived":"BOOLEAN"}') as r
    from {{ source('raw_hubspot', 'hubspot__properties') }}
),

listings as (
    select source, r.object, max(window_seq) as last_listing
    from versions
    group by 1, 2
),

newest as (
    select * from versions
    qualify row_number() over (partition by source, record_id order by window_seq desc, part desc, line desc) = 1
)

select
    newest.source,
    newest.r.object,
    newest.r.name as property_name,
    newest.r.label as property_label,
    newest.r.type as property_type,
    newest.r.fieldtype as field_type,
    coalesce(newest.r.calculated, false) as is_calculated,
    coalesce(newest.r.archived, false) or newest.window_seq < listings.last_listing as is_removed,
    newest.extracted_at, newest.window_id, newest.window_seq
from newest
inner join listings on newest.source = listings.source and newest.r.object = listings.object

-- One row per version of a contact, company or lead object that does not parse, with the reason and the raw record.
{%- set streams = ['contacts', 'companies', 'leads'] %}

with

versions as (
    {%- for stream in streams %}
    select
        source, '{{ stream }}' as stream, record_id, cast(record as varchar) as record,
        extracted_at, window_id, window_seq,
        from_json(record, '{"archived":"BOOLEAN","createdAt":"VARCHAR","updatedAt":"VARCHAR",
            "properties":{"createdate":"VARCHAR"}}') as r
    from {{ source('raw_hubspot', 'hubspot__' ~ stream) }}
    {%- if not loop.last %} union all {% endif %}
    {%- endfor %}
),

dated as (
    select *, max(window_seq) over (partition by source, stream, record_id) as newest_seq from versions
)

select
    source, stream, record_id,
    case
        when {{ parse_timestamp('r.createdAt') }} is null then 'createdAt is not a time'
        when {{ blank_to_null('r.properties.createdate') }} is not null
            and {{ parse_timestamp('r.properties.createdate') }} is null then 'createdate is not a time'
        else 'updatedAt is not a time'
    end as reason,
    coalesce(r.archived, false) as is_archived,
    -- a newer version has arrived since, so that the reject no longer costs anything
    window_seq < newest_seq as is_superseded,
    record, extracted_at, window_id, window_seq
from dated
where not ({{ has_valid_times('r') }})

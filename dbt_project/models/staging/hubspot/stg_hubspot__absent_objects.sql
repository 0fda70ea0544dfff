-- One row per deal, contact, company or lead object that the source no longer lists, and no later record brought back.
{%- set objects = ['deals', 'contacts', 'companies', 'leads'] %}

with

parsed as (
    select
        source, window_seq,
        from_json(record, '{"object":"VARCHAR","object_id":"VARCHAR","absent_by":"VARCHAR"}') as r
    from {{ source('raw_hubspot', 'hubspot__absences') }}
    qualify row_number() over (partition by source, record_id order by window_seq desc, part desc, line desc) = 1
),

absences as (
    select source, window_seq, r.object, r.object_id, {{ parse_timestamp('r.absent_by') }} as absent_by
    from parsed
),

records as (
    {%- for object in objects %}
    select source, '{{ object }}' as object, record_id, max(window_seq) as window_seq
    from {{ source('raw_hubspot', 'hubspot__' ~ object) }}
    group by 1, 2, 3
    {%- if not loop.last %} union all {% endif %}
    {%- endfor %}
)

select absences.source, absences.object, absences.object_id, absences.absent_by
from absences
inner join records
    on
        absences.source = records.source
        and absences.object = records.object
        and absences.object_id = records.record_id
where records.window_seq < absences.window_seq

-- One row per deal, contact, company or lead object that the source no longer lists, and that no later record brought back.
{%- set streams = {'deals': 'hubspot__deals', 'contacts': 'hubspot__contacts', 'companies': 'hubspot__companies', 'leads': 'hubspot__leads'} %}

with

absences as (
    select
        source, window_seq,
        from_json(record, '{"object":"VARCHAR","object_id":"VARCHAR","absent_by":"VARCHAR"}') as r
    from {{ source('raw_hubspot', 'hubspot__absences') }}
    qualify row_number() over (partition by source, record_id order by window_seq desc, part desc, line desc) = 1
),

records as (
    {%- for object, table in streams.items() %}
    select source, '{{ object }}' as object, record_id, max(window_seq) as window_seq
    from {{ source('raw_hubspot', table) }} group by 1, 2, 3
    {%- if not loop.last %} union all {% endif %}
    {%- endfor %}
)

select absences.source, absences.r.object as object, absences.r.object_id as object_id, {{ parse_timestamp('absences.r.absent_by') }} as absent_by
from absences
inner join records
    on absences.source = records.source and absences.r.object = records.object and absences.r.object_id = records.record_id
where records.window_seq < absences.window_seq

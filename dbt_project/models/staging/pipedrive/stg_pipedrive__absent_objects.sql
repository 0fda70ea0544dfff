-- One row per deal, person or lead that the source no longer listed, and no later record brought back.
{%- set streams = {'deals': 'deals', 'contacts': 'persons', 'leads': 'leads'} %}
with absences as (
    select
        source,
        window_seq,
        {{ json_text('record', '$.object') }} as object,
        {{ json_text('record', '$.object_id') }} as object_id,
        {{ parse_timestamp(json_text('record', '$.absent_by')) }} as absent_by
    from {{ source('raw_pipedrive', 'pipedrive__absences') }}
    qualify row_number() over (partition by source, record_id order by window_seq desc, part desc, line desc) = 1
),

records as (
    {%- for object, stream in streams.items() %}
    select source, '{{ object }}' as object, record_id, max(window_seq) as window_seq
    from {{ source('raw_pipedrive', 'pipedrive__' ~ stream) }}
    group by source, record_id
    {{ 'union all' if not loop.last }}
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

-- One row per version of a lead or account whose times are no times.
{%- set streams = {'contacts': 'leads', 'companies': 'accounts'} %}
with versions as (
    {%- for object, stream in streams.items() %}
    select
        source, '{{ object }}' as stream, record_id, cast(record as varchar) as record, extracted_at, window_id,
        window_seq, {{ json_text('record', '$.CreatedDate') }} as created_text,
        coalesce({{ parse_boolean(json_text('record', '$.IsDeleted')) }}, false) as is_archived
    from {{ source('raw_salesforce', 'salesforce__' ~ stream) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    source,
    stream,
    record_id,
    'CreatedDate is not a time' as reason,
    is_archived,
    window_seq < max(window_seq) over (partition by source, stream, record_id) as is_superseded,
    record,
    extracted_at,
    window_id,
    window_seq
from versions
qualify {{ parse_timestamp('created_text') }} is null

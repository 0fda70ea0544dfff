{#- What the staging of CRMs shares whose streams are plain lists: one version of a deal a line of its stream, deletions by
    absences, no merges. Their common columns are those of every vendor. -#}

{#- One row per version of a deal that does not parse, with the reason and the raw record. `stream`: of deals. -#}
{% macro rejected_versions(vendor, stream) -%}
select
    versions.source,
    'deals' as stream,
    versions.source_deal_id as record_id,
    versions.reject_reason as reason,
    versions.window_seq < max(versions.window_seq) over (partition by versions.source, versions.source_deal_id)
        as is_superseded,
    versions.window_id,
    versions.window_seq,
    versions.extracted_at,
    cast(raw_deals.record as varchar) as record
from {{ ref('stg_' ~ vendor ~ '__deal_versions') }} as versions
inner join {{ source('raw_' ~ vendor, vendor ~ '__' ~ stream) }} as raw_deals
    on
        versions.window_seq = raw_deals.window_seq
        and versions.part = raw_deals.part
        and versions.line = raw_deals.line
qualify versions.reject_reason is not null
{%- endmacro %}

{#- One row per record that a list of ids no longer had, and no later record brought back. `streams`: {object: its stream};
    `named`: {object as the absences name it: object}, where they name it otherwise. -#}
{% macro absent_records(vendor, streams, named={}) -%}
with absences as (
    select
        source,
        window_seq,
        {%- set object = json_text('record', '$.object') %}
        {%- if named %}
        case {{ object }}
            {%- for told, meant in named.items() %}
            when '{{ told }}' then '{{ meant }}'
            {%- endfor %}
            else {{ object }}
        end as object,
        {%- else %}
        {{ object }} as object,
        {%- endif %}
        {{ json_text('record', '$.object_id') }} as object_id,
        {{ parse_timestamp(json_text('record', '$.absent_by')) }} as absent_by
    from {{ source('raw_' ~ vendor, vendor ~ '__absences') }}
    qualify row_number() over (partition by source, record_id order by window_seq desc, part desc, line desc) = 1
),

records as (
    {%- for object, stream in streams.items() %}
    select source, '{{ object }}' as object, record_id, max(window_seq) as window_seq
    from {{ source('raw_' ~ vendor, vendor ~ '__' ~ stream) }}
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
{%- endmacro %}

{#- CTEs before the deals of stg_<vendor>__deal_events: deals with anything new (`affected`, incrementally), the first syncs,
    versions that parse, absences, and `merged`, which is empty. `stream`: of deals. -#}
{% macro deal_inputs(vendor, stream) -%}
{% if is_incremental() %}
affected as (
    select source, source_deal_id
    from {{ ref('stg_' ~ vendor ~ '__deal_versions') }}
    where window_seq > {{ seen_up_to() }}
    union
    select source, source_deal_id
    from {{ ref('stg_' ~ vendor ~ '__deal_history') }}
    where window_seq > {{ seen_up_to() }}
    union
    select source, {{ json_text('record', '$.object_id') }}
    from {{ source('raw_' ~ vendor, vendor ~ '__absences') }}
    where window_seq > {{ seen_up_to() }} and record_id like 'deals:%'
),
{% endif %}

{{ first_syncs(vendor, stream) }}

version_rows as (
    select *
    from {{ ref('stg_' ~ vendor ~ '__deal_versions') }}
    where
        reject_reason is null
        {% if is_incremental() %}
        and (source, source_deal_id) in (select affected.source, affected.source_deal_id from affected)
        {% endif %}
),

history_rows as (
    select *
    from {{ ref('stg_' ~ vendor ~ '__deal_history') }}
    {% if is_incremental() %}
    where (source, source_deal_id) in (select affected.source, affected.source_deal_id from affected)
    {% endif %}
),

absences as (
    select
        source,
        {{ json_text('record', '$.object_id') }} as source_deal_id,
        coalesce({{ parse_timestamp(json_text('record', '$.absent_by')) }}, extracted_at) as absent_at,
        extracted_at,
        window_seq
    from {{ source('raw_' ~ vendor, vendor ~ '__absences') }}
    where
        record_id like 'deals:%'
        {% if is_incremental() %}
        and (source, {{ json_text('record', '$.object_id') }}) in (
            select affected.source, affected.source_deal_id from affected
        )
        {% endif %}
),

merged as (
    select
        source,
        source_deal_id as loser_id,
        cast(null as varchar) as survivor_id,
        cast(null as timestamptz) as merged_at,
        cast(null as timestamptz) as first_extracted_at,
        cast(null as bigint) as first_window_seq,
        window_seq
    from version_rows
    where false
),

deals as (
    select
        source,
        source_deal_id,
        max(window_seq) as window_seq,
        row_number() over (order by source, source_deal_id) as deal_number
    from (
        select source, source_deal_id, window_seq from version_rows
        union all
        select source, source_deal_id, window_seq from history_rows
        union all
        select source, source_deal_id, window_seq from absences
    ) as inputs
    group by source, source_deal_id
),

versions as (
    select
        deals.deal_number,
        version_rows.*,
        row_number() over (
            partition by deals.deal_number
            order by version_rows.window_seq, version_rows.state_at, version_rows.part, version_rows.line
        ) as version_number,
        count(*) over (partition by deals.deal_number) as version_count
    from version_rows
    inner join deals
        on version_rows.source = deals.source and version_rows.source_deal_id = deals.source_deal_id
),
{%- endmacro %}

{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['source', 'source_deal_id'],
    on_schema_change='fail'
) }}
-- One row per deal: the properties that funnel.yml names, typed, of its newest version and of what was read of it since
-- (a property named later is read alone). `rejects`: values and history entries that do not parse, with the reason.
{%- set properties = var('deal_properties') | select('mapping') | list %}
{%- set asked = asked_properties() if properties or var('amount_properties') is mapping else {} %}
{%- if not asked %}
select
    cast(null as varchar) as source,
    cast(null as varchar) as source_deal_id,
    cast([] as struct(reason varchar, record varchar)[]) as rejects,
    cast(null as timestamptz) as extracted_at,
    cast(null as varchar) as window_id,
    cast(null as bigint) as window_seq
where false
{%- else %}
with
{% if is_incremental() %}
affected as (
    select
        source,
        source_deal_id
    from {{ ref('stg_hubspot__deal_versions') }}
    where window_seq > {{ seen_up_to() }}
    union
    select
        source,
        record_id
    from {{ source('raw_hubspot', 'hubspot__deal_properties') }}
    where window_seq > {{ seen_up_to() }}
),
{% endif %}

newest as (
    select
        source,
        source_deal_id,
        window_seq,
        part,
        line
    from {{ ref('stg_hubspot__deal_versions') }}
    where
        reject_reason is null
        {% if is_incremental() %}
        and (source, source_deal_id) in (select affected.source, affected.source_deal_id from affected)
        {% endif %}
    qualify row_number() over (
        partition by source, source_deal_id
        order by window_seq desc, state_at desc, part desc, line desc
    ) = 1
),

answers as (
    select
        newest.source,
        newest.source_deal_id,
        raw_deals.extracted_at,
        raw_deals.window_id,
        raw_deals.window_seq,
        {{ json_events('raw_deals.record') }} as r
    from newest
    inner join {{ source('raw_hubspot', 'hubspot__deals') }} as raw_deals
        on
            newest.window_seq = raw_deals.window_seq
            and newest.part = raw_deals.part
            and newest.line = raw_deals.line
    union all
    select
        newest.source,
        newest.source_deal_id,
        late.extracted_at,
        late.window_id,
        late.window_seq,
        {{ json_events('late.record') }} as r
    from newest
    inner join {{ source('raw_hubspot', 'hubspot__deal_properties') }} as late
        on
            newest.source = late.source
            and newest.source_deal_id = late.record_id
            and newest.window_seq < late.window_seq
),

-- The last answer that has the property at all tells.
told as (
    select
        source,
        source_deal_id,
        {%- for name in asked %}
        nullif(max_by(
            coalesce({{ blank_to_null("r.properties['" ~ name ~ "']") }}, ''), window_seq
        ) filter (where list_contains(map_keys(r.properties), '{{ name }}')), '') as text_{{ loop.index }},
        max_by(r.propertiesWithHistory['{{ name }}'], window_seq) filter (
            where list_contains(map_keys(r.propertiesWithHistory), '{{ name }}')
        ) as entries_{{ loop.index }},
        {%- endfor %}
        max_by(extracted_at, window_seq) as extracted_at,
        max_by(window_id, window_seq) as window_id,
        max(window_seq) as window_seq
    from answers
    group by source, source_deal_id
)

select
    source,
    source_deal_id,
    {%- for property in properties %}
    {%- set number = (asked | list).index(property.name) + 1 %}
    cast(case when source in {{ sql_list(property.sources) }} then {{ parse_property(property.type, 'text_' ~ number) }} end
        as {{ property_data_type(property.type) }}) as {{ property.column }},
    {%- endfor %}
    flatten([
        {%- for name, given in asked.items() %}
        {%- set text, entries = 'text_' ~ loop.index, 'entries_' ~ loop.index %}
        case
            when
                source in {{ sql_list(given.sources) }}
                and {{ text }} is not null
                and {{ property_value(given.type, text) }} is null
                then [struct_pack(reason := 'property {{ name }}: not a {{ given.type }}', record := {{ text }})]
            else []
        end,
        {%- if given.tracked %}
        list_transform(
            list_filter(
                case when source in {{ sql_list(given.tracked) }} then {{ entries }} end,
                lambda entry: {{ parse_timestamp('entry.timestamp') }} is null
                or (
                    {{ blank_to_null('entry.value') }} is not null
                    and ({{ property_value(given.type, blank_to_null('entry.value')) }}) is null
                )
            ),
            lambda entry: struct_pack(
                reason := 'history entry of {{ name }}: timestamp is not a date or value not a {{ given.type }}',
                record := cast(entry as varchar)
            )
        ),
        {%- endif %}
        {%- endfor %}
        cast([] as struct(reason varchar, record varchar)[])
    ]) as rejects,
    extracted_at,
    window_id,
    window_seq
from told
{%- endif %}

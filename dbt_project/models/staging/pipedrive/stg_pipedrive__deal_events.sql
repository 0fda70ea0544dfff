{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['source', 'source_deal_id'],
    on_schema_change='fail'
) }}
-- One row per event of a tracked field of a deal, out of everything ever landed. Deals with anything new are computed
-- whole.
with
{% if is_incremental() %}
affected as (
    select source, source_deal_id
    from {{ ref('stg_pipedrive__deal_versions') }}
    where window_seq > {{ seen_up_to() }}
    union
    select source, source_deal_id
    from {{ ref('stg_pipedrive__deal_history') }}
    where window_seq > {{ seen_up_to() }}
    union
    select source, {{ json_text('record', '$.object_id') }}
    from {{ source('raw_pipedrive', 'pipedrive__absences') }}
    where window_seq > {{ seen_up_to() }} and record_id like 'deals:%'
),
{% endif %}

{{ first_syncs('pipedrive', 'deals') }}

version_rows as (
    select *
    from {{ ref('stg_pipedrive__deal_versions') }}
    where
        reject_reason is null
        {% if is_incremental() %}
        and (source, source_deal_id) in (select affected.source, affected.source_deal_id from affected)
        {% endif %}
),

absences as (
    select
        source,
        {{ json_text('record', '$.object_id') }} as source_deal_id,
        coalesce({{ parse_timestamp(json_text('record', '$.absent_by')) }}, extracted_at) as absent_at,
        extracted_at,
        window_seq
    from {{ source('raw_pipedrive', 'pipedrive__absences') }}
    where
        record_id like 'deals:%'
        {% if is_incremental() %}
        and (source, {{ json_text('record', '$.object_id') }}) in (
            select affected.source, affected.source_deal_id from affected
        )
        {% endif %}
),

-- Merging deletes the loser and names no survivor.
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
        select source, source_deal_id, window_seq from absences
        union all
        select history.source, history.source_deal_id, history.window_seq
        from {{ ref('stg_pipedrive__deal_history') }} as history
        {% if is_incremental() %}
        where (history.source, history.source_deal_id) in (
            select affected.source, affected.source_deal_id from affected
        )
        {% endif %}
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

births as (
    select
        deal_number,
        min(created_at) as created_at,
        min(extracted_at) as extracted_at,
        min(window_seq) as window_seq
    from versions
    group by deal_number
),

-- The first changelog of a deal of the first sync was true before we were there; of a later deal we know since it.
compared as (
    select
        {{ series_of('births.deal_number', 'states.field') }} as series,
        greatest(coalesce(states.effective_at, births.created_at), births.created_at) as effective_at,
        states.place,
        states.value,
        coalesce(states.first_extracted_at, births.extracted_at) as first_extracted_at,
        coalesce(states.first_window_seq, births.window_seq) as first_window_seq,
        lag(states.value) over (partition by births.deal_number, states.field order by states.place) as last_value
    from {{ ref('stg_pipedrive__deal_states') }} as states
    inner join deals on states.source = deals.source and states.source_deal_id = deals.source_deal_id
    inner join births on deals.deal_number = births.deal_number
),

history_events as (
    select
        series,
        effective_at,
        place as sequence,
        value,
        first_extracted_at,
        first_window_seq,
        case place when 0 then 'synthetic_create' else 'history_api' end as origin
    from compared
    where value is distinct from last_value
),

{{ last_told() }}

property_values as (
    {%- for field, column in {
        'stage': 'stage_id', 'pipeline': 'pipeline_id', 'amount': 'cast(amount as varchar)', 'currency': 'currency',
        'close_date': iso_utc('close_date_at'), 'owner': 'owner_id',
    }.items() %}
    select
        {{ series_of('deal_number', "'" ~ field ~ "'") }} as series, version_number, version_count, extracted_at,
        updated_at, created_at, window_seq, {{ column }} as value
    from versions
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

{{ events_beside_history() }}

-- Times are whole seconds, and that the changelog lists newest first is observed, not promised.
{{ told_deal_events('count(*) over (partition by numbered.series, numbered.effective_at) > 1') }}

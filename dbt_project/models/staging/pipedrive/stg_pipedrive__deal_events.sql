{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['source', 'source_deal_id'],
    on_schema_change='fail'
) }}
-- One row per event of a tracked field of a deal, out of everything ever landed. Deals with anything new are computed
-- whole.
-- Merging deletes the loser and names no survivor.
with
{{ deal_inputs('pipedrive', 'deals') }}

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

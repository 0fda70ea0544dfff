{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['source', 'source_deal_id'],
    on_schema_change='fail'
) }}
-- One row per event of a tracked field of an opportunity, out of everything ever landed: Salesforce drops the history
-- of a deleted opportunity, we keep it. Opportunities with anything new are computed whole.
-- Opportunities are not merged.
with
{{ deal_inputs('salesforce', 'opportunities') }}

births as (
    select deal_number, min(created_at) as created_at
    from versions
    group by deal_number
),

-- A row of the history once landed never changes: of one id the first that was landed counts.
told as (
    select
        {{ series_of('deals.deal_number', 'history_rows.field') }} as series,
        deals.deal_number,
        history_rows.effective_at,
        history_rows.record_id,
        history_rows.is_edit,
        history_rows.value,
        history_rows.value_before,
        history_rows.extracted_at as first_extracted_at,
        history_rows.window_seq as first_window_seq
    from history_rows
    inner join deals
        on history_rows.source = deals.source and history_rows.source_deal_id = deals.source_deal_id
    qualify row_number() over (
        partition by deals.deal_number, history_rows.field, history_rows.record_id
        order by history_rows.window_seq, history_rows.part, history_rows.line
    ) = 1
),

-- A row of OpportunityHistory carries all fields, whichever changed.
compared as (
    select
        *,
        lag(value) over (partition by series order by effective_at, record_id) as last_value,
        row_number() over (partition by series order by effective_at, record_id) as place
    from told
),

history_events as (
    select
        series,
        effective_at,
        row_number() over (partition by series, effective_at order by record_id) as sequence,
        value,
        first_extracted_at,
        first_window_seq,
        'history_api' as origin
    from compared
    where (place = 1 and value is not null) or (place > 1 and value is distinct from last_value)
    union all
    -- What the first edit of a field changed had been so since the beginning.
    select
        compared.series,
        births.created_at as effective_at,
        0 as sequence,
        compared.value_before as value,
        compared.first_extracted_at,
        compared.first_window_seq,
        'synthetic_create' as origin
    from compared
    inner join births on compared.deal_number = births.deal_number
    where compared.is_edit and compared.place = 1 and compared.value_before is not null
),

{{ last_told() }}

-- A field that a version lacks altogether (removed, or hidden since from our user) is no change of the deal.
property_values as (
    {%- for field, (name, column) in {
        'stage': ('StageName', 'stage_id'), 'pipeline': ('Id', 'pipeline_id'),
        'amount': ('Amount', 'cast(amount as varchar)'), 'currency': ('CurrencyIsoCode', 'currency'),
        'close_date': ('CloseDate', iso_utc('close_date_at')), 'owner': ('OwnerId', 'owner_id'),
        'deal_type': ('Type', 'deal_type_raw'), 'forecast_category': ('ForecastCategory', 'forecast_category'),
    }.items() %}
    select
        {{ series_of('deal_number', "'" ~ field ~ "'") }} as series, version_number, version_count, extracted_at,
        updated_at, created_at, window_seq, {{ column }} as value
    from versions
    where list_contains(told_fields, '{{ name }}')
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

{{ events_beside_history() }}

-- Times are whole seconds, and ids of one second need not have been given in order.
{{ told_deal_events('count(*) over (partition by numbered.series, numbered.effective_at) > 1') }}

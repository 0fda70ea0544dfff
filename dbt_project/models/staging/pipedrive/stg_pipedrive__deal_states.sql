{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['source', 'source_deal_id'],
    on_schema_change='fail'
) }}
-- One row per value of a field of a deal that its newest changelog tells, from its creation on (place 0). Of a stage
-- the pipeline, the stage and the status are one value, of the close date the expected day and the instant of
-- closing: each is put together after every edit. Rows of one second are one edit until one of its fields comes again.
with
{% if is_incremental() %}
affected as (
    select distinct source, source_deal_id
    from {{ ref('stg_pipedrive__deal_history') }}
    where window_seq > {{ seen_up_to() }}
),
{% endif %}

landed as (
    select *
    from {{ ref('stg_pipedrive__deal_history') }}
    {% if is_incremental() %}
    where (source, source_deal_id) in (select affected.source, affected.source_deal_id from affected)
    {% endif %}
),

newest as (
    select *
    from landed
    qualify window_seq = max(window_seq) over (partition by source, source_deal_id)
),

numbered as (
    select
        *,
        row_number() over (partition by source, source_deal_id, effective_at, field order by place) as occurrence
    from newest
),

edited as (
    select
        *,
        max(occurrence) over (
            partition by source, source_deal_id, effective_at
            order by place
            rows between unbounded preceding and current row
        ) as edit
    from numbered
),

edits as (
    select
        source,
        source_deal_id,
        effective_at,
        max(place) as place,
        {%- for field in ['pipeline_id', 'stage_id', 'status', 'expected_close_date'] %}
        count(*) filter (where field = '{{ field }}') > 0 as tells_{{ field }},
        max_by(coalesce(value, ''), place) filter (where field = '{{ field }}') as {{ field }},
        {%- endfor %}
        max(case when field = 'status' and value in ('won', 'lost') then effective_at end) as closed_at
    from edited
    group by source, source_deal_id, effective_at, edit
),

-- What the first edit of a field changed had been so since the beginning.
births as (
    select
        source,
        source_deal_id,
        cast(null as timestamptz) as effective_at,
        0 as place,
        {%- for field in ['pipeline_id', 'stage_id', 'status', 'expected_close_date'] %}
        case
            when count(*) filter (where field = '{{ field }}') > 0
                then coalesce(min_by(coalesce(value_before, ''), place) filter (where field = '{{ field }}'), '')
            else coalesce(any_value({{ field }}), '')
        end as {{ field }},
        {%- endfor %}
        any_value({{ pipedrive_time('close_time') }}) as closed_at
    from newest
    group by source, source_deal_id
),

states as (
    select source, source_deal_id, effective_at, place, pipeline_id, stage_id, status, expected_close_date, closed_at
    from births
    union all by name
    select * exclude (tells_pipeline_id, tells_stage_id, tells_status, tells_expected_close_date)
    from edits
    where tells_pipeline_id or tells_stage_id or tells_status or tells_expected_close_date
),

carried as (
    select
        source,
        source_deal_id,
        effective_at,
        place,
        {%- for field in ['pipeline_id', 'stage_id', 'status', 'expected_close_date', 'closed_at'] %}
        last_value({{ "nullif(status, '')" if field == 'status' else field }} ignore nulls) over (
            partition by source, source_deal_id
            order by place
            rows between unbounded preceding and current row
        ) as {{ field }}{{ ',' if not loop.last }}
        {%- endfor %}
    from states
),

told as (
    select
        source, source_deal_id, 'stage' as field, effective_at, place,
        {{ pipedrive_stage('pipeline_id', 'stage_id', 'status') }} as value
    from carried
    union all
    select
        source, source_deal_id, 'close_date' as field, effective_at, place,
        case
            when status in ('won', 'lost') then {{ iso_utc('closed_at') }}
            else {{ iso_utc(pipedrive_day("nullif(expected_close_date, '')")) }}
        end as value
    from carried
    union all
    select
        source, source_deal_id, case field when 'pipeline_id' then 'pipeline' else field end as field, effective_at,
        place, {{ pipedrive_field_value('field', 'value') }} as value
    from newest
    where field in ('pipeline_id', 'amount', 'currency', 'owner')
    union all
    select
        source, source_deal_id, case field when 'pipeline_id' then 'pipeline' else field end as field,
        cast(null as timestamptz) as effective_at, 0 as place,
        {{ pipedrive_field_value('field', 'value_before') }} as value
    from newest
    where field in ('pipeline_id', 'amount', 'currency', 'owner')
    qualify row_number() over (partition by source, source_deal_id, field order by place) = 1
),

first_told as (
    select source, source_deal_id, effective_at, min(window_seq) as window_seq, min(extracted_at) as extracted_at
    from landed
    group by source, source_deal_id, effective_at
),

first_lists as (
    select source, source_deal_id, min(window_seq) as window_seq, max(window_seq) as newest_seq
    from landed
    group by source, source_deal_id
)

select
    told.source,
    told.source_deal_id,
    told.field,
    -- null: since the deal was made
    told.effective_at,
    told.place,
    nullif(told.value, '') as value,
    -- null: since we have known of the deal
    case when first_told.window_seq > first_lists.window_seq then first_told.window_seq end as first_window_seq,
    case when first_told.window_seq > first_lists.window_seq then first_told.extracted_at end as first_extracted_at,
    first_lists.newest_seq as window_seq
from told
inner join first_lists on told.source = first_lists.source and told.source_deal_id = first_lists.source_deal_id
left join first_told
    on
        told.source = first_told.source
        and told.source_deal_id = first_told.source_deal_id
        and told.effective_at = first_told.effective_at

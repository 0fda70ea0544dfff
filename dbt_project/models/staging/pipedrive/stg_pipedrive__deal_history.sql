{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}
-- One row per row of a deal's changelog, as often as the changelog was landed (it is whole each time), with what the
-- deal said then: so it had always been where the changelog has no row of a field.
with changelogs as (
    select
        source,
        record_id,
        extracted_at,
        window_seq,
        from_json(record, '{"pipeline_id":"VARCHAR","stage_id":"VARCHAR","status":"VARCHAR","close_time":"VARCHAR",
            "expected_close_date":"VARCHAR","changes":[{"field_key":"VARCHAR","old_value":"VARCHAR",
            "new_value":"VARCHAR","time":"VARCHAR"}]}') as r
    from {{ source('raw_pipedrive', 'pipedrive__deal_changes') }}
    {% if is_incremental() %}where window_seq > {{ seen_up_to() }}{% endif %}
),

changes as (
    select *, {{ explode_positions('r.changes', 'change') }}
    from changelogs
)

select
    source,
    record_id as source_deal_id,
    case change.field_key
        when 'value' then 'amount' when 'user_id' then 'owner' when 'owner_id' then 'owner'
        else change.field_key
    end as field,
    {{ pipedrive_time('change.time') }} as effective_at,
    change_position as place,
    -- deleting is told by the deal itself
    nullif({{ blank_to_null('change.new_value') }}, 'deleted') as value,
    nullif({{ blank_to_null('change.old_value') }}, 'deleted') as value_before,
    r.pipeline_id,
    r.stage_id,
    coalesce(nullif(r.status, 'deleted'), 'open') as status,
    r.expected_close_date,
    r.close_time,
    extracted_at,
    window_seq
from changes
where
    change.field_key in (
        'pipeline_id', 'stage_id', 'status', 'expected_close_date', 'value', 'currency', 'user_id', 'owner_id'
    )
    and {{ pipedrive_time('change.time') }} is not null

{{ config(materialized='table') }}
-- One row per pipeline and list of pipelines that differs from the one before.
select
    source,
    record_id as pipeline_id,
    coalesce({{ blank_to_null('r.name') }}, record_id) as pipeline_name,
    {{ parse_integer('r.order_nr') }} as display_order,
    coalesce({{ parse_boolean('r.is_deleted') }}, false) as is_archived,
    {{ parse_timestamp('r.add_time') }} as created_at,
    {{ parse_timestamp('r.update_time') }} as updated_at,
    coalesce({{ parse_boolean('r.is_deal_probability_enabled') }}, false) as has_probabilities,
    extracted_at,
    window_seq
from {{ pipedrive_lists('pipelines', [
    'name', 'order_nr', 'is_deleted', 'is_deal_probability_enabled', 'add_time', 'update_time',
]) }} as listed

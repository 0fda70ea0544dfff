{{ config(materialized='table') }}
-- One row per stage and list of stages that differs from the one before, and two of our own making for every pipeline
-- of the list: won and lost, which are statuses in Pipedrive. Probabilities count where the pipeline uses them.
with listed as (
    select
        source,
        extracted_at,
        window_seq,
        record_id as stage_id,
        r.pipeline_id,
        coalesce({{ blank_to_null('r.name') }}, record_id) as stage_name,
        {{ parse_integer('r.order_nr') }} as display_order,
        {{ parse_double('r.deal_probability') }} / 100 as probability,
        coalesce({{ parse_boolean('r.is_deleted') }}, false) as is_archived,
        {{ parse_timestamp('r.add_time') }} as created_at,
        {{ parse_timestamp('r.update_time') }} as updated_at,
        cast(null as varchar) as outcome
    from {{ pipedrive_lists('stages', [
        'pipeline_id', 'name', 'order_nr', 'deal_probability', 'is_deleted', 'add_time', 'update_time',
    ]) }} as lists
    where r.pipeline_id is not null
),

pipelines as (
    select source, pipeline_id, max_by(has_probabilities, window_seq) as has_probabilities
    from {{ ref('stg_pipedrive__pipelines') }}
    group by source, pipeline_id
),

stages as (
    select * from listed
    {%- for outcome, (name, place, probability) in {'won': ('Won', 1, 1.0), 'lost': ('Lost', 2, 0.0)}.items() %}
    union all by name
    select
        source, min(extracted_at) as extracted_at, window_seq, pipeline_id || ':{{ outcome }}' as stage_id, pipeline_id,
        '{{ name }}' as stage_name, max(display_order) + {{ place }} as display_order,
        cast({{ probability }} as double) as probability, bool_and(is_archived) as is_archived,
        '{{ outcome }}' as outcome
    from listed
    group by source, window_seq, pipeline_id
    {%- endfor %}
)

select
    stages.source,
    stages.pipeline_id,
    stages.stage_id,
    stages.stage_name,
    stages.display_order,
    row_number() over (
        partition by stages.source, stages.window_seq, stages.pipeline_id
        order by stages.display_order, stages.stage_id
    ) as list_position,
    case when stages.outcome is not null or pipelines.has_probabilities then stages.probability end as probability,
    coalesce(stages.outcome = 'won', false) as is_won,
    coalesce(stages.outcome = 'lost', false) as is_lost,
    stages.is_archived,
    stages.created_at,
    stages.updated_at,
    stages.extracted_at,
    stages.window_seq
from stages
left join pipelines on stages.source = pipelines.source and stages.pipeline_id = pipelines.pipeline_id

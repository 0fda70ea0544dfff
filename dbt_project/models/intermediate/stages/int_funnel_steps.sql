-- One row per step that is asked about: from each open stage of a pipeline to the next one, and to won. Retired stages
-- are none (they raise no high-water mark), nor is fulfilment. Won is the pipeline's first won stage, and any other.
with

ladder as (
    select pipeline_key, stage_key, position as rung
    from {{ ref('int_stages') }}
    where is_reachable and stage_category <> 'fulfilment'
    union all
    select pipeline_key, stage_key, 1000000 as rung
    from (
        select
            pipeline_key, stage_key, row_number() over (partition by pipeline_key order by position, stage_key) as place
        from {{ ref('int_stages') }}
        where is_won and not is_retired
    ) as won_stages
    where place = 1
),

linked as (
    select
        pipeline_key, stage_key, rung,
        lead(stage_key) over (partition by pipeline_key order by rung) as next_stage_key,
        max(case when rung = 1000000 then stage_key end) over (partition by pipeline_key) as won_stage_key
    from ladder
),

steps as (
    select
        pipeline_key, stage_key as from_stage_key, rung as from_rung, next_stage_key as to_stage_key,
        true as is_next_stage, coalesce(next_stage_key = won_stage_key, false) as is_to_won
    from linked
    where next_stage_key is not null
    union all
    select
        pipeline_key, stage_key as from_stage_key, rung as from_rung, won_stage_key as to_stage_key,
        false as is_next_stage, true as is_to_won
    from linked
    where next_stage_key <> won_stage_key
)

select
    *,
    cast(row_number() over (order by pipeline_key asc, from_rung asc, is_next_stage desc) as integer) as step_number
from steps

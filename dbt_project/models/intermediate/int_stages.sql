-- One row per stage, listed now, listed once, or known only from the deals' history. `position` orders the stages of
-- a pipeline: 1, 2, 3 … for what is listed; a retired stage comes a fraction after the greatest still listed stage
-- that stood before it when it was listed last; null where the stage was never listed.
with latest as (
    select *
    from {{ ref('int_stage_listings') }}
    where is_latest
),

present as (
    select
        stage_key,
        pipeline_key,
        cast(row_number() over (partition by pipeline_key order by stage_order) as double) as position
    from latest
    where not is_retired
),

-- A retired stage's neighbours, in the last snapshot that listed it.
retired_bases as (
    select
        retired.stage_key,
        retired.pipeline_key,
        retired.stage_order,
        coalesce(max(present.position), 0) as base
    from latest as retired
    left join {{ ref('int_stage_listings') }} as before_it
        on
            retired.pipeline_key = before_it.pipeline_key
            and retired.listed_window_seq = before_it.window_seq
            and retired.listed_window_seq = before_it.listed_window_seq
            and retired.stage_order > before_it.stage_order
    left join present on before_it.stage_key = present.stage_key
    where retired.is_retired
    group by retired.stage_key, retired.pipeline_key, retired.stage_order
),

positions as (
    select
        stage_key,
        position
    from present
    union all
    select
        stage_key,
        base
        + row_number() over (partition by pipeline_key, base order by stage_order, stage_key)
        / cast(count(*) over (partition by pipeline_key, base) + 1 as double) as position
    from retired_bases
),

-- Stages that deals were in and no snapshot ever listed: their portal deleted them before we came.
visited as (
    select distinct
        stage_key,
        pipeline_key,
        source,
        pipeline_id,
        stage_id
    from {{ ref('int_stage_visits') }}
),

everything as (
    select
        latest.stage_key,
        latest.pipeline_key,
        latest.source,
        latest.pipeline_id,
        latest.stage_id,
        latest.stage_name,
        latest.display_order,
        latest.probability,
        latest.is_won,
        latest.is_lost,
        latest.inferred_category,
        latest.is_retired,
        true as is_listed,
        positions.position
    from latest
    inner join positions on latest.stage_key = positions.stage_key
    union all
    select
        visited.stage_key,
        visited.pipeline_key,
        visited.source,
        visited.pipeline_id,
        visited.stage_id,
        visited.stage_id as stage_name,
        null as display_order,
        null as probability,
        false as is_won,
        false as is_lost,
        'unknown' as inferred_category,
        true as is_retired,
        false as is_listed,
        null as position
    from visited
    left join latest on visited.stage_key = latest.stage_key
    where latest.stage_key is null
),

categorised as (
    select
        everything.stage_key,
        everything.pipeline_key,
        everything.source,
        everything.pipeline_id,
        everything.stage_id,
        everything.stage_name,
        everything.display_order,
        everything.probability,
        everything.is_retired,
        everything.is_listed,
        everything.position,
        {{ decided_category('configured.stage_category', 'stage_map.stage_category', 'everything') }} as stage_category,
        everything.is_listed
        and {{ is_category_inferred('configured.stage_category', 'stage_map.stage_category', 'everything') }}
            as is_category_inferred
    from everything
    left join {{ source('meta', 'configured_stages') }} as configured
        on
            everything.source = configured.source
            and everything.pipeline_id = configured.pipeline_id
            and everything.stage_id = configured.stage_id
    left join {{ ref('stage_map') }} as stage_map
        on
            everything.source = stage_map.source
            and everything.pipeline_id = stage_map.pipeline_id
            and everything.stage_id = stage_map.stage_id
            and {{ is_in_force('stage_map', to_reporting_date(as_of())) }}
),

flagged as (
    select
        *,
        stage_category not in ('won', 'lost', 'void', 'unknown') as is_open_category,
        -- A retired or unknown stage raises no high-water mark and cannot be skipped.
        stage_category not in ('won', 'lost', 'void', 'unknown') and not is_retired as is_reachable
    from categorised
)

select
    flagged.stage_key,
    flagged.pipeline_key,
    flagged.source,
    flagged.pipeline_id,
    flagged.stage_id,
    flagged.stage_name,
    flagged.stage_category,
    flagged.is_category_inferred,
    flagged.display_order,
    flagged.position,
    flagged.probability,
    flagged.stage_category = 'won' as is_won,
    flagged.stage_category = 'lost' as is_lost,
    flagged.stage_category = 'void' as is_void,
    flagged.stage_category not in ('won', 'lost', 'void') as is_open,
    flagged.is_reachable,
    flagged.is_retired,
    flagged.is_listed,
    (
        select count(*)
        from flagged as earlier
        where
            earlier.pipeline_key = flagged.pipeline_key
            and earlier.is_reachable
            and earlier.position < flagged.position
    ) as reachable_before
from flagged

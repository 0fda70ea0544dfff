-- One row per month and pipeline, and per month one more with pipeline_key 'all': the grain of the monthly marts.
with

pipelines as (
    select pipeline_key, false as is_rollup
    from {{ ref('dim_pipelines') }}
    where is_included
    union
    select pipeline_key, false as is_rollup
    from {{ ref('dim_deals') }}
    where pipeline_key is not null
    union
    select 'all' as pipeline_key, true as is_rollup
)

select
    months.month,
    months.month_end,
    months.starts_at,
    months.ends_at,
    months.seen_at,
    months.is_complete_month,
    -- the day after the last one that is looked at
    {{ last_day_before('months.seen_at') }} + 1 as seen_to_day,
    pipelines.pipeline_key,
    pipelines.is_rollup
from {{ ref('int_months') }} as months
cross join pipelines

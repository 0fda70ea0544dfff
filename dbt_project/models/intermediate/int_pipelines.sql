-- One row per pipeline, listed now, listed once, or known only from the deals' history.
with listings as (
    {{ union_vendors(
        'pipelines',
        columns='source, pipeline_id, pipeline_name, display_order, is_archived, window_seq'
    ) }}
),

ranked as (
    select
        *,
        max(window_seq) over (partition by source) as latest_window_seq,
        row_number() over (partition by source, pipeline_id order by window_seq desc) as age
    from listings
)

select
    {{ pipeline_key('source', 'pipeline_id') }} as pipeline_key,
    source,
    pipeline_id,
    pipeline_name,
    display_order,
    is_archived or window_seq < latest_window_seq as is_retired
from ranked
where age = 1
union all
select distinct
    visits.pipeline_key,
    visits.source,
    visits.pipeline_id,
    visits.pipeline_id as pipeline_name,
    cast(null as integer) as display_order,
    true as is_retired
from {{ ref('int_stage_visits') }} as visits
left join listings on visits.source = listings.source and visits.pipeline_id = listings.pipeline_id
where listings.pipeline_id is null

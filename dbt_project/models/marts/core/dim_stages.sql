-- One row per stage ever seen, as its last listing describes it.
select
    stage_key,
    pipeline_key,
    stage_name,
    stage_category,
    is_category_inferred,
    display_order,
    position,
    probability,
    is_won,
    is_lost,
    is_open,
    is_retired,
    source
from {{ ref('int_stages') }}

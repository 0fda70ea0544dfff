-- stages in their pipeline's order; closed ones last
select
    stage_key as key,
    pipeline_key as pipeline,
    stage_name as name,
    stage_category as category,
    is_open,
    is_retired as retired
from marts.dim_stages
order by pipeline_key, not is_open, position nulls last, stage_key

select pipeline_key as key, pipeline_name as name, is_retired as retired
from marts.dim_pipelines
where is_included
order by is_renewal_pipeline, display_order nulls last, pipeline_key

-- One row per pipeline ever seen.
select
    pipeline_key,
    source,
    pipeline_name,
    {{ matches('lower(pipeline_name)', 'renewal|renew|продлен|пролонг') }} as is_renewal_pipeline,
    'amount' as amount_property,
    display_order,
    is_retired
from {{ ref('int_pipelines') }}

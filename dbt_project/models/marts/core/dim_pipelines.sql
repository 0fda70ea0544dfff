-- One row per pipeline ever seen.
select
    pipeline_key,
    source,
    pipeline_name,
    {{ is_renewal_pipeline('pipeline_key', 'pipeline_name') }} as is_renewal_pipeline,
    {{ is_included('pipeline_key') }} as is_included,
    {% if var('amount_properties') is mapping and var('amount_properties') -%}
    {{ amount_property_of('source', 'pipeline_id') }} as amount_property,
    {%- else -%}
    'amount' as amount_property,
    {%- endif %}
    display_order,
    is_retired
from {{ ref('int_pipelines') }}

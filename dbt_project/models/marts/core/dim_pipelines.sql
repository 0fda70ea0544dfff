-- One row per pipeline ever seen.
select
    pipeline_key,
    source,
    pipeline_name,
    {%- set configured = configured_pipeline_type('pipeline_key') %}
    coalesce(
        {{ configured }} = 'renewal', {{ matches('lower(pipeline_name)', 'renewal|renew|продлен|пролонг') }}
    ) as is_renewal_pipeline,
    {{ is_included('pipeline_key') }} as is_included,
    {% if var('amount_properties') is mapping and var('amount_properties') -%}
    {{ amount_property_of('source', 'pipeline_id') }} as amount_property,
    {%- else -%}
    'amount' as amount_property,
    {%- endif %}
    display_order,
    is_retired
from {{ ref('int_pipelines') }}

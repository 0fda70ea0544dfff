-- One row per deal ever seen, of all connections and vendors, under the common names; without those that were never
-- in a pipeline that counts (`pipelines` of funnel.yml).
with deals as (
    {{ union_vendors('deals') }}
)

select
    {{ deal_key('source', 'source_deal_id') }} as deal_key,
    {{ pipeline_key('source', 'pipeline_id') }} as pipeline_key,
    {{ stage_key('source', 'pipeline_id', 'stage_id') }} as stage_key,
    {{ entity_key('source', 'owner_id') }} as owner_key,
    *
from deals
{%- if var('included_pipelines') %}
where {{ is_left_in(deal_key('deals.source', 'deals.source_deal_id')) }}
{%- endif %}

-- One row per deal: the columns of dim_deals that funnel.yml names. Those with history are as they were at as_of, by
-- their last event before it; the others are the newest version's.
{%- set properties = var('deal_properties') | select('mapping') | list %}
{%- set tracked = properties | selectattr('tracked') | list %}
with

newest as (
    {{ union_vendors('deal_properties') }}
)
{%- if tracked %},

last_events as ( -- noqa: ST03
    select
        {%- for property in tracked %}
        nullif(max_by(coalesce(value, ''), (effective_at, sequence)) filter (where field = '{{ property.name }}'), '')
            as {{ property.column }},
        {%- endfor %}
        deal_key
    from {{ ref('int_deal_events') }}
    where
        field in {{ sql_list(tracked | map(attribute='name')) }}
        and effective_at < {{ as_of() }}
    group by deal_key
)
{%- endif %}

select
    {{ deal_key('newest.source', 'newest.source_deal_id') }} as deal_key
    {%- for property in properties %},
    {%- if property.tracked %}
    cast(
        case
            when newest.source in {{ sql_list(property.tracked) }}
                then {{ parse_property(property.type, 'last_events.' ~ property.column) }}
            else newest.{{ property.column }}
        end as {{ property_data_type(property.type) }}
    ) as {{ property.column }}
    {%- else %}
    newest.{{ property.column }}
    {%- endif %}
    {%- endfor %}
from newest
{%- if tracked %}
left join last_events
    on {{ deal_key('newest.source', 'newest.source_deal_id') }} = last_events.deal_key
{%- endif %}

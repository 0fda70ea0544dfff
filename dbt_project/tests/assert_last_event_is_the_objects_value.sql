-- Invariant 2: the last event of every tracked field is what the deal's newest record says. A property that the
-- record lacks or that is empty has nothing to compare with (an emptied one has an event of its own).
with objects as (
    {% for field, column in [
        ('stage', 'stage_id'), ('pipeline', 'pipeline_id'), ('currency', 'currency'), ('owner', 'owner_id'),
        ('deal_type', 'deal_type_raw'), ('forecast_category', 'forecast_category'),
        ('amount', 'cast(amount as varchar)'), ('close_date', iso_utc('close_date_at')),
    ] -%}
    select
        deal_key,
        '{{ field }}' as field,
        {{ column }} as value
    from {{ ref('int_deals') }}
    {%- if field == 'amount' and var('amount_properties') %}
    where {{ amount_property_of('source', 'pipeline_id') }} = 'amount'
    {%- endif %}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

latest as (
    select
        deal_key,
        field,
        -- no value is '', and max_by would pass over nulls
        nullif(max_by(coalesce(value, ''), (effective_at, sequence)), '') as value
    from {{ ref('int_deal_events') }}
    where field not in ('deleted', 'merged_into')
    group by deal_key, field
)

select
    objects.deal_key,
    objects.field,
    objects.value,
    latest.value as event_value
from objects
left join latest
    on objects.deal_key = latest.deal_key and objects.field = latest.field
where objects.value is not null and objects.value is distinct from latest.value

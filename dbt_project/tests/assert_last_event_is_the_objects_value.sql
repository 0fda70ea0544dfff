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
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select
    objects.deal_key,
    objects.field,
    objects.value,
    latest.value as event_value
from objects
left join {{ ref('int_deal_values') }} as latest
    on objects.deal_key = latest.deal_key and objects.field = latest.field and latest.valid_to is null
where objects.value is not null and objects.value is distinct from latest.value

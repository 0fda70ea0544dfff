-- Invariant 2: the last event of every tracked field is what the deal's newest record says. A property that the
-- record lacks or that is empty has nothing to compare with (an emptied one has an event of its own).
{%- set fields = {
    'stage': 'stage_id', 'pipeline': 'pipeline_id', 'currency': 'currency', 'owner': 'owner_id',
    'deal_type': 'deal_type_raw', 'forecast_category': 'forecast_category', 'amount': 'cast(amount as varchar)',
    'close_date': iso_utc('close_date_at'),
} %}
{%- if var('amount_properties') %}
    {%- do fields.update({
        'amount': "case when " ~ amount_property_of('source', 'pipeline_id') ~ " = 'amount' then cast(amount as varchar) end"
    }) %}
{%- endif %}
with events as (
    select
        deal_key,
        field,
        -- no value is '', and max_by would pass over nulls
        coalesce(value, '') as value,
        -- by one number: a pair costs twice as much
        cast({{ epoch_us('effective_at') }} as hugeint) * 1000000 + sequence as place
    from {{ ref('int_deal_events') }}
),

latest as (
    select
        deal_key
        {%- for field in fields %},
        nullif(max_by(value, place) filter (where field = '{{ field }}'), '') as {{ field }}_event
        {%- endfor %}
    from events
    group by deal_key
),

compared as (
    select
        objects.deal_key,
        latest.* exclude (deal_key)
        {%- for field, column in fields.items() %},
        {{ column }} as {{ field }}_object
        {%- endfor %}
    from {{ ref('int_deals') }} as objects
    left join latest on objects.deal_key = latest.deal_key
),

wrong as (
    select *
    from compared
    where
        {% for field in fields -%}
        ({{ field }}_object is not null and {{ field }}_object is distinct from {{ field }}_event)
        {%- if not loop.last %} or {% endif %}
        {% endfor %}
)

{% for field in fields %}
select
    deal_key,
    '{{ field }}' as field,
    {{ field }}_object as value,
    {{ field }}_event as event_value
from wrong
where {{ field }}_object is not null and {{ field }}_object is distinct from {{ field }}_event
{% if not loop.last %}union all{% endif %}
{% endfor %}

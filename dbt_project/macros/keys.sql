{#- Keys of the marts: text, "<source>:<id>"; a ':' inside an id is percent-encoded. Null when the id is null. -#}
{% macro encode_id(id) %}replace({{ id }}, ':', '%3A'){% endmacro %}

{% macro entity_key(source, id) %}({{ source }} || ':' || {{ encode_id(id) }}){% endmacro %}

{% macro deal_key(source, id) %}{{ entity_key(source, id) }}{% endmacro %}

{% macro pipeline_key(source, pipeline_id) %}{{ entity_key(source, pipeline_id) }}{% endmacro %}

{% macro stage_key(source, pipeline_id, stage_id) -%}
({{ source }} || ':' || {{ encode_id(pipeline_id) }} || ':' || {{ encode_id(stage_id) }})
{%- endmacro %}

{#- Hash of several text expressions; the separator keeps ('a','bc') apart from ('ab','c'). -#}
{% macro hash_of(expressions) -%}
md5({% for e in expressions %}coalesce({{ e }}, chr(31)){% if not loop.last %} || chr(30) || {% endif %}{% endfor %})
{%- endmacro %}

{#- A field of a deal as one integer, a power of two to a deal, and back: what large windows sort by. -#}
{% macro event_fields() -%}
{{ return(['stage', 'pipeline', 'amount', 'currency', 'close_date', 'owner', 'deal_type', 'forecast_category',
    'deleted', 'merged_into'] + tracked_properties() | map(attribute='name') | list) }}
{%- endmacro %}
{% macro series_width() %}{{ return(16 if event_fields() | length <= 16 else 1024) }}{% endmacro %}
{% macro series_of(deal_number, field) -%}
({{ deal_number }} * {{ series_width() }} + case {{ field }}
    {%- for name in event_fields() %} when '{{ name }}' then {{ loop.index0 }}{% endfor %} end)
{%- endmacro %}
{% macro deal_number_of(series) %}cast(({{ series }} - {{ series }} % {{ series_width() }}) / {{ series_width() }} as bigint){% endmacro %}
{% macro field_of(series) -%}
case {{ series }} % {{ series_width() }} {%- for name in event_fields() %} when {{ loop.index0 }} then '{{ name }}'{% endfor %} end
{%- endmacro %}

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

{#- Properties of deals that funnel.yml names: vars deal_properties, a list of {name, column, type, sources (connections
    that name it), tracked (those of them with history), about}, and amount_properties, {source: {pipeline: property}}. Models
    look at `mapping`s only, since sqlfluff knows no vars: what is not needed is not compiled. -#}

{% macro tracked_properties() %}{{ return(var('deal_properties') | selectattr('tracked') | list) }}{% endmacro %}

{% macro sql_list(texts) %}('{{ texts | join("', '") }}'){% endmacro %}

{% macro property_data_type(type) -%}
{{ return({'text': 'varchar', 'number': 'double', 'money': 'decimal(18,2)', 'date': 'date', 'timestamp': 'timestamptz',
    'boolean': 'boolean'}[type]) }}
{%- endmacro %}

{#- A property's text as its type; null where it does not parse. Days are sent as midnight UTC. -#}
{% macro parse_property(type, text) -%}
{%- if type == 'text' -%}{{ text }}
{%- elif type == 'number' -%}case when isfinite({{ parse_double(text) }}) then {{ parse_double(text) }} end
{%- elif type == 'money' -%}{{ parse_money(text) }}
{%- elif type == 'date' -%}cast({{ parse_timestamp(text) }} at time zone 'UTC' as date)
{%- elif type == 'timestamp' -%}{{ parse_timestamp(text) }}
{%- else -%}{{ parse_boolean(text) }}
{%- endif -%}
{%- endmacro %}

{#- The same in one spelling as text: what fct_deal_events holds, and what parse_property reads back. -#}
{% macro property_value(type, text) -%}
{%- if type == 'text' -%}{{ text }}
{%- elif type == 'timestamp' -%}{{ iso_utc(parse_timestamp(text)) }}
{%- else -%}cast({{ parse_property(type, text) }} as varchar)
{%- endif -%}
{%- endmacro %}

{#- Property that holds the amount of the deals of a pipeline. -#}
{% macro amount_property_of(source, pipeline_id) -%}
case
    {%- for name, given in var('amount_properties').items() %}
    when {{ source }} = '{{ name }}' then case {{ pipeline_id }}
        {%- for pipeline, property in given.items() if pipeline != 'default' %}
        when '{{ pipeline | replace("'", "''") }}' then '{{ property }}'
        {%- endfor %}
        else '{{ given.get('default', 'amount') }}' end
    {%- endfor %}
    else 'amount'
end
{%- endmacro %}

{#- {property: {type, sources, tracked}} of all that is asked for beyond the usual ones. An amount is money with history. -#}
{% macro asked_properties() -%}
{%- set asked = {} -%}
{%- for property in var('deal_properties') -%}
{%- do asked.update({property.name:
    {'type': property.type, 'sources': property.sources | list, 'tracked': property.tracked | list}}) -%}
{%- endfor -%}
{%- for source, given in var('amount_properties').items() -%}
{%- for name in given.values() if name != 'amount' -%}
{%- do asked.setdefault(name, {'type': 'money', 'sources': [], 'tracked': []}) -%}
{%- do asked[name]['sources'].append(source) -%}
{%- do asked[name]['tracked'].append(source) -%}
{%- endfor -%}
{%- endfor -%}
{{ return(asked) }}
{%- endmacro %}

{#- dim_deals' contract is that of its yml and of funnel.yml: dbt checks the columns just after this, and makes the table
    by the same list. -#}
{% macro get_assert_columns_equivalent(sql) -%}
{%- if model.name == 'dim_deals' -%}
{%- for property in var('deal_properties') -%}
{%- do model.columns.update({property.column: {'name': property.column, 'description': property.about,
    'data_type': property_data_type(property.type), 'constraints': [], 'quote': none, 'meta': {}, 'tags': []}}) -%}
{%- endfor -%}
{%- endif -%}
{{- return(adapter.dispatch('get_assert_columns_equivalent', 'dbt')(sql)) -}}
{%- endmacro %}

{#- Their labels, as comments on the columns. -#}
{% macro comment_on_properties(relation) -%}
{%- for property in var('deal_properties') %}
comment on column {{ relation }}.{{ property.column }} is '{{ property.about | replace("'", "''") }}';
{%- endfor %}
{%- endmacro %}

{#- What funnel.yml's properties say of a renewal (`renewal: of_deal, due_date or available_amount`), of whichever connection
    names one for it. `properties` is an alias of int_deal_properties. -#}
{% macro renewal_property(role, properties, type) -%}
{%- set found = [] -%}
{%- for property in var('deal_properties') if property is mapping -%}
{%- set sources = [] -%}
{%- for source, named in property.get('renewal', {}).items() if named == role -%}
{%- do sources.append(source) -%}
{%- endfor -%}
{%- if sources -%}
{%- set value = properties ~ '.' ~ property.column -%}
{%- do found.append("case when deals.source in " ~ sql_list(sources) ~ " then "
    ~ (to_reporting_date(value) if property.type == 'timestamp' else value) ~ " end") -%}
{%- endif -%}
{%- endfor -%}
cast({{ 'coalesce(' ~ found | join(', ') ~ ')' if found else 'null' }} as {{ type }})
{%- endmacro %}

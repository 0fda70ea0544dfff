{#- Every vendor's staging model of one thing, one below the other. A new CRM is one word in vars.vendors.
    `columns` names them explicitly, so that a vendor's own extra columns never leak below staging. -#}
{% macro union_vendors(thing, columns='*', where=none) %}
{%- for vendor in var('vendors') %}
select {{ columns }} from {{ ref('stg_' ~ vendor ~ '__' ~ thing) }}
{%- if where %} where {{ where }}{% endif %}
{%- if not loop.last %}
union all by name
{%- endif %}
{%- endfor %}
{% endmacro %}

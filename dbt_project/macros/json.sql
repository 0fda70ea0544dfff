{#- JSON, one parse a record: json_struct/json_fields take the whole record apart at once. `->>` once a field
    costs four times as much, json_each nine times (PLATFORM.md). Every dialect shim of JSON lives here. -#}

{#- One scalar as text: for single look-ups only. -#}
{% macro json_text(column, path) %}{{ return(adapter.dispatch('json_text')(column, path)) }}{% endmacro %}
{% macro default__json_text(column, path) %}json_extract_string({{ column }}, '{{ path }}'){% endmacro %}
{% macro spark__json_text(column, path) %}get_json_object({{ column }}, '{{ path }}'){% endmacro %}

{#- A record as a struct. `duckdb_shape` is DuckDB's JSON description, `spark_shape` the DDL of the same. -#}
{% macro json_struct(column, duckdb_shape, spark_shape) -%}
{{ return(adapter.dispatch('json_struct')(column, duckdb_shape, spark_shape)) }}
{%- endmacro %}
{% macro default__json_struct(column, duckdb_shape, spark_shape) %}from_json({{ column }}, '{{ duckdb_shape }}'){% endmacro %}
{% macro spark__json_struct(column, duckdb_shape, spark_shape) %}from_json({{ column }}, '{{ spark_shape }}'){% endmacro %}

{#- Same, for a flat list of text fields (top level) and text fields of `properties`; `history`: the lists of
    propertiesWithHistory too, as json_events gives them. -#}
{% macro json_fields(column, top=[], properties=[], history=false) -%}
{%- set duck -%}
{ {%- for f in top %}"{{ f }}":"VARCHAR"{{ "," if not loop.last or properties }}{% endfor -%}
{%- if properties -%}
"properties":{ {%- for f in properties %}"{{ f }}":"VARCHAR"{{ "," if not loop.last }}{% endfor -%} }
{%- endif -%}
{%- if history -%},"propertiesWithHistory":"MAP(VARCHAR, STRUCT(value VARCHAR, timestamp VARCHAR)[])"{%- endif -%} }
{%- endset -%}
{%- set spark -%}
struct<{% for f in top %}{{ f }}:string{{ "," if not loop.last or properties }}{% endfor -%}
{%- if properties -%}
properties:struct<{% for f in properties %}{{ f }}:string{{ "," if not loop.last }}{% endfor %}>
{%- endif -%}
{%- if history -%},propertiesWithHistory:map<string,array<struct<value:string,timestamp:string>>>{%- endif -%}>
{%- endset -%}
{{ json_struct(column, duck, spark) }}
{%- endmacro %}

{#- History lists: {property: [{value, timestamp}, ...]} as a map of lists, so that properties need no list of names. -#}
{% macro json_events(column) -%}
{{ json_struct(
    column,
    '{"properties":"MAP(VARCHAR, VARCHAR)","propertiesWithHistory":"MAP(VARCHAR, STRUCT(value VARCHAR, timestamp VARCHAR)[])"}',
    'struct<properties:map<string,string>,propertiesWithHistory:map<string,array<struct<value:string,timestamp:string>>>>'
) }}
{%- endmacro %}

{#- select-list item that turns a list into rows: use as the last item of a select. -#}
{% macro explode(expression, alias) %}{{ return(adapter.dispatch('explode')(expression, alias)) }}{% endmacro %}
{% macro default__explode(expression, alias) %}unnest({{ expression }}) as {{ alias }}{% endmacro %}
{% macro spark__explode(expression, alias) %}explode({{ expression }}) as {{ alias }}{% endmacro %}

{#- As explode, with the position in the list counted from 1, in the column <alias>_position. -#}
{% macro explode_positions(expression, alias) %}{{ return(adapter.dispatch('explode_positions')(expression, alias)) }}{% endmacro %}
{% macro default__explode_positions(expression, alias) -%}
unnest({{ expression }}) as {{ alias }}, generate_subscripts({{ expression }}, 1) as {{ alias }}_position
{%- endmacro %}
{% macro spark__explode_positions(expression, alias) -%}
posexplode({{ expression }}) as ({{ alias }}_position, {{ alias }})
{%- endmacro %}

{#- "11;22" as a list. -#}
{% macro split_list(expression) %}{{ return(adapter.dispatch('split_list')(expression)) }}{% endmacro %}
{% macro default__split_list(expression) %}string_split({{ expression }}, ';'){% endmacro %}
{% macro spark__split_list(expression) %}split({{ expression }}, ';'){% endmacro %}

{#- Parse by shape, not by declared type: portals send dates as ISO with or without offset, or as epoch
    milliseconds; numbers as JSON numbers or as text of up to fifty digits. Empty text is null, and what does
    not parse is null: where that must be told apart, compare with `is not null` on the trimmed text. -#}

{% macro blank_to_null(expression) %}nullif(trim({{ expression }}), ''){% endmacro %}

{% macro parse_timestamp(expression) %}{{ return(adapter.dispatch('parse_timestamp')(expression)) }}{% endmacro %}
{% macro default__parse_timestamp(expression) -%}
(case
    when regexp_matches({{ expression }}, '^\s*\d{4}-\d{2}-\d{2}') then try_cast({{ expression }} as timestamptz)
    when regexp_matches({{ expression }}, '^\s*(0|-?\d{9,15})\s*$')
        then make_timestamptz(try_cast({{ expression }} as bigint) * 1000)
end)
{%- endmacro %}
{% macro spark__parse_timestamp(expression) -%}
(case
    when {{ expression }} rlike '^\\s*\\d{4}-\\d{2}-\\d{2}' then try_cast({{ expression }} as timestamp)
    when {{ expression }} rlike '^\\s*(0|-?\\d{9,15})\\s*$' then timestamp_millis(try_cast({{ expression }} as bigint))
end)
{%- endmacro %}

{% macro parse_money(expression) -%}
coalesce(
    try_cast({{ expression }} as decimal(18, 2)),
    try_cast(try_cast({{ expression }} as double) as decimal(18, 2))
)
{%- endmacro %}

{% macro parse_double(expression) %}try_cast({{ expression }} as double){% endmacro %}
{% macro parse_integer(expression) %}cast(round(try_cast({{ expression }} as double)) as integer){% endmacro %}

{#- true / false / null from "true", "TRUE", "1", … -#}
{% macro parse_boolean(expression) -%}
(case lower(trim({{ expression }})) when 'true' then true when '1' then true when 'false' then false when '0' then false end)
{%- endmacro %}

{#- An instant as text, UTC, microseconds: one spelling of one instant. -#}
{% macro iso_utc(ts) %}{{ return(adapter.dispatch('iso_utc')(ts)) }}{% endmacro %}
{% macro default__iso_utc(ts) %}strftime({{ ts }} at time zone 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ'){% endmacro %}
{% macro spark__iso_utc(ts) %}date_format({{ ts }}, "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'"){% endmacro %}

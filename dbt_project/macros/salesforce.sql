{#- What staging reads of Salesforce's records. A field that describe did not list is null, never an error. -#}

{#- The record type of opportunities without one, and of organisations without record types. -#}
{% macro salesforce_master_type() %}'012000000000000AAA'{% endmacro %}

{#- Ids come with 15 characters (case-sensitive) or with 18, whose last three say which letters are capitals. The API
    answers with 18; history values of lookups too. -#}
{% macro salesforce_shape(fields) -%}
{ {%- for field in fields %}"{{ field }}":"VARCHAR"{{ ',' if not loop.last }}{% endfor -%} }
{%- endmacro %}

{#- CloseDate is a day without a zone: it begins where the reports' day begins, so that it stays that day. -#}
{% macro salesforce_day(text) -%}
{{ start_of_reporting_day('try_cast(' ~ text ~ ' as date)') }}
{%- endmacro %}

{#- A tracked field's value in one spelling, as hubspot_field_value. -#}
{% macro salesforce_field_value(field, text) -%}
case {{ field }}
    when 'amount' then cast({{ parse_money(text) }} as varchar)
    when 'close_date' then {{ iso_utc(salesforce_day(text)) }}
    when 'currency' then upper({{ text }})
    else {{ text }}
end
{%- endmacro %}

{#- Whether a text is an id (15 or 18 characters) of an object with that prefix. -#}
{% macro salesforce_is_id(text, prefix) -%}
{{ matches(text, '^' ~ prefix ~ '[0-9A-Za-z]{12}([0-9A-Z]{3})?$') }}
{%- endmacro %}

{#- The page of a record. -#}
{% macro salesforce_url(instance, id) %}{{ instance }} || '/' || {{ id }}{% endmacro %}

{#- Newest version of every record of a stream that is read by modification time. -#}
{% macro salesforce_newest(stream, fields) -%}
(
    select
        raw.source, raw.record_id, raw.extracted_at, raw.window_id, raw.window_seq, raw.part, raw.line,
        from_json(raw.record, '{{ salesforce_shape(fields) }}') as r
    from {{ source('raw_salesforce', 'salesforce__' ~ stream) }} as raw
    qualify row_number() over (
        partition by raw.source, raw.record_id
        order by
            raw.window_seq desc, {{ parse_timestamp("raw.record ->> '$.SystemModstamp'") }} desc, raw.part desc,
            raw.line desc
    ) = 1
)
{%- endmacro %}

{#- Newest list of a stream that is read whole at every sync. -#}
{% macro salesforce_listed(stream, fields) -%}
(
    select
        raw.source, raw.record_id, raw.extracted_at, raw.window_id, raw.window_seq, raw.part, raw.line,
        from_json(raw.record, '{{ salesforce_shape(fields) }}') as r
    from {{ source('raw_salesforce', 'salesforce__' ~ stream) }} as raw
    where (raw.source, raw.window_seq) in (
        select (lists.source, max(lists.window_seq))
        from {{ source('raw_salesforce', 'salesforce__' ~ stream) }} as lists
        group by lists.source
    )
)
{%- endmacro %}

{#- What staging reads of Pipedrive's records. A field that an answer lacks is null, never an error. -#}

{#- The stage of a deal: won and lost are statuses in Pipedrive, and stages of their pipeline here. -#}
{% macro pipedrive_stage(pipeline_id, stage_id, status) -%}
case when {{ status }} in ('won', 'lost') then {{ pipeline_id }} || ':' || {{ status }} else {{ stage_id }} end
{%- endmacro %}

{#- Times of v1 are UTC without saying so. -#}
{% macro pipedrive_time(text) -%}
{{ parse_timestamp("case when length(" ~ text ~ ") = 19 then " ~ text ~ " || 'Z' else " ~ text ~ " end") }}
{%- endmacro %}

{#- A day without a zone begins where the reports' day begins, so that it stays that day. -#}
{% macro pipedrive_day(text) %}{{ start_of_reporting_day('try_cast(' ~ text ~ ' as date)') }}{% endmacro %}

{#- A changelog's value in one spelling, as hubspot_field_value. -#}
{% macro pipedrive_field_value(field, text) -%}
case {{ field }}
    when 'amount' then cast({{ parse_money(text) }} as varchar)
    when 'currency' then upper({{ text }})
    else {{ text }}
end
{%- endmacro %}

{#- Newest version of every record of a stream that is read by modification time. -#}
{% macro pipedrive_newest(stream, fields) -%}
(
    select
        raw.source, raw.record_id, raw.extracted_at, raw.window_id, raw.window_seq, raw.part, raw.line,
        {{ json_fields('raw.record', fields) }} as r
    from {{ source('raw_pipedrive', 'pipedrive__' ~ stream) }} as raw
    qualify row_number() over (
        partition by raw.source, raw.record_id
        order by
            raw.window_seq desc, {{ parse_timestamp("raw.record ->> '$.update_time'") }} desc, raw.part desc,
            raw.line desc
    ) = 1
)
{%- endmacro %}

{#- Every list of a stream that is read whole at every sync and that differs from the list before it. -#}
{% macro pipedrive_lists(stream, fields) -%}
(
    select lists.source, lists.record_id, lists.extracted_at, lists.window_seq, lists.part, lists.line, lists.r
    from (
        select
            raw.source, raw.record_id, raw.extracted_at, raw.window_seq, raw.part, raw.line,
            {{ json_fields('raw.record', fields) }} as r
        from {{ source('raw_pipedrive', 'pipedrive__' ~ stream) }} as raw
    ) as lists
    where (lists.source, lists.window_seq) in (
        select (changes.source, changes.window_seq)
        from (
            select
                prints.source, prints.window_seq, prints.fingerprint,
                lag(prints.fingerprint) over (partition by prints.source order by prints.window_seq) as last_one
            from (
                select
                    raw.source, raw.window_seq,
                    md5(string_agg(cast(raw.record as varchar), '|' order by raw.record_id)) as fingerprint
                from {{ source('raw_pipedrive', 'pipedrive__' ~ stream) }} as raw
                group by raw.source, raw.window_seq
            ) as prints
        ) as changes
        where changes.last_one is distinct from changes.fingerprint
    )
)
{%- endmacro %}

{#- The company of a connection: its address and its currency, as the token's own user has them. -#}
{% macro pipedrive_companies() -%}
(
    select
        users.source,
        {{ blank_to_null('users.r.company_domain') }} as domain,
        upper({{ blank_to_null('users.r.default_currency') }}) as home_currency
    from {{ pipedrive_lists('users', ['company_domain', 'default_currency', 'is_you']) }} as users
    where {{ parse_boolean('users.r.is_you') }}
    qualify row_number() over (partition by users.source order by users.window_seq desc) = 1
)
{%- endmacro %}

{#- The page of a record: kind is deal or person. -#}
{% macro pipedrive_url(domain, kind, id) %}'https://' || {{ domain }} || '.pipedrive.com/{{ kind }}/' || {{ id }}{% endmacro %}

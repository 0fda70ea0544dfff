{#- Staging of marketing sources in the common columns (union_vendors.sql): what differs between vendors are the fields. -#}

{#- Versions of figures a campaign and day. `fields`: of the record r, read as text; the other arguments are expressions
    over them. What is absent is 0; a row that is gone has no figures and says no currency: its campaign's is one. -#}
{% macro staged_days(vendor, fields, cost, currency, impressions, clicks, conversions, campaign_name=none, channel=none) -%}
with records as (
    select source, extracted_at, window_seq, {{ read_record(['campaign_id', 'date'] + fields) }} as r
    from {{ source('raw_' ~ vendor, vendor ~ '__campaign_days') }}
)

select
    source,
    r.campaign_id as source_campaign_id,
    try_cast(r.date as date) as date,
    coalesce(try_cast({{ impressions }} as bigint), 0) as impressions,
    coalesce(try_cast({{ clicks }} as bigint), 0) as clicks,
    coalesce(try_cast({{ cost }} as decimal(18, 6)), 0) as cost,
    coalesce(
        upper({{ currency }}), max(upper({{ currency }})) over (partition by source, r.campaign_id)
    ) as currency,
    coalesce({{ parse_double(conversions) }}, 0) as conversions,
    {{ blank_to_null(campaign_name) if campaign_name else 'cast(null as varchar)' }} as campaign_name,
    {{ channel or 'cast(null as varchar)' }} as channel,
    extracted_at,
    window_seq
from records
{%- endmacro %}

{#- Lists of campaigns. `name`, `status`: paths in the record; `channel`: an expression over `record`. -#}
{% macro staged_campaigns(vendor, name, status, channel, stream='campaigns') -%}
select
    source,
    record_id as source_campaign_id,
    coalesce({{ blank_to_null("record ->> '" ~ name ~ "'") }}, record_id) as campaign_name,
    {{ channel }} as channel,
    lower({{ "record ->> '" ~ status ~ "'" }}) as status,
    extracted_at,
    window_seq
from {{ source('raw_' ~ vendor, vendor ~ '__' ~ stream) }}
{%- endmacro %}

{#- Submissions of a vendor's forms: people are known by the hash of their e-mail. `campaign_name`: a path in the record. -#}
{% macro staged_lead_forms(vendor, channel, campaign_name='$.campaign_name') -%}
select
    source,
    record_id as touch_id,
    'form' as touch_type,
    {{ parse_timestamp("record ->> '$.at'") }} as touch_at,
    {{ blank_to_null("record ->> '$.email_hash'") }} as person_hash,
    cast(null as varchar) as source_lead_id,
    {{ channel }} as channel,
    {{ blank_to_null("record ->> '$.campaign_id'") }} as source_campaign_id,
    {{ blank_to_null("record ->> '" ~ campaign_name ~ "'") }} as campaign_name,
    false as is_gone,
    extracted_at,
    window_seq
from {{ source('raw_' ~ vendor, vendor ~ '__touches') }}
{%- endmacro %}

{#- The record with these fields as texts, by name. -#}
{% macro read_record(fields) -%}
from_json(record, '{ {%- for field in fields %}"{{ field }}":"VARCHAR"{{ ',' if not loop.last }}{% endfor -%} }')
{%- endmacro %}

{#- Yandex Direct's types of campaigns: what is paid by impressions is display, the rest is shown beside searches first. -#}
{% macro yandex_channel(type) -%}
case when {{ type }} like 'CPM%' then 'display' else 'paid_search' end
{%- endmacro %}

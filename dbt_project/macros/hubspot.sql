{#- Which fields of HubSpot's records staging reads. A property that the portal lacks is null, never an error. -#}
{% macro hubspot_record_fields() %}{{ return(['createdAt', 'updatedAt', 'archived', 'archivedAt', 'url']) }}{% endmacro %}

{% macro hubspot_deal_properties() -%}
{{ return([
    'dealname', 'pipeline', 'dealstage', 'amount', 'deal_currency_code', 'amount_in_home_currency', 'hs_exchange_rate',
    'closedate', 'createdate', 'hs_lastmodifieddate', 'hubspot_owner_id', 'dealtype', 'hs_manual_forecast_category',
    'closed_lost_reason', 'closed_won_reason', 'hs_object_source', 'hs_object_source_id', 'hs_object_source_detail_1',
    'hs_analytics_source', 'hs_analytics_source_data_1', 'hs_analytics_source_data_2', 'hs_analytics_latest_source',
    'hs_campaign', 'utm_source', 'utm_medium', 'utm_campaign', 'utm_content', 'utm_term',
    'notes_last_contacted', 'notes_next_activity_date', 'hs_merged_object_ids',
]) }}
{%- endmacro %}

{#- Property with history -> field of the ledger. -#}
{% macro hubspot_deal_history_fields() -%}
{{ return({
    'dealstage': 'stage', 'pipeline': 'pipeline', 'amount': 'amount', 'deal_currency_code': 'currency',
    'closedate': 'close_date', 'hubspot_owner_id': 'owner', 'dealtype': 'deal_type',
    'hs_manual_forecast_category': 'forecast_category',
}) }}
{%- endmacro %}

{#- Value of a tracked field in one spelling, so that "43" and 43.0, or one instant written in two ways, are equal.
    Null when empty; null also when it does not parse (compare with the text to tell these apart). -#}
{% macro hubspot_field_value(field, text) -%}
case {{ field }}
    when 'amount' then cast({{ parse_money(text) }} as varchar)
    when 'close_date' then {{ iso_utc(parse_timestamp(text)) }}
    when 'currency' then upper({{ text }})
    {%- for property in tracked_properties() %}
    when '{{ property.name }}' then {{ property_value(property.type, text) }}
    {%- endfor %}
    else {{ text }}
end
{%- endmacro %}

{#- property name -> field, as a case expression; null for properties that are not tracked. `amount`: the property that
    holds the deal's amount, where that is not always the same. -#}
{% macro hubspot_deal_field(property, amount=none) -%}
case
    {%- if amount %}
    when {{ property }} = {{ amount }} then 'amount'
    when {{ property }} = 'amount' then null
    {%- endif %}
    {%- for name, field in hubspot_deal_history_fields().items() %}
    when {{ property }} = '{{ name }}' then '{{ field }}'
    {%- endfor %}
end
{%- endmacro %}

{#- property name -> itself, where the connection tracks it by funnel.yml; null otherwise. -#}
{% macro hubspot_tracked_field(property, source) -%}
case
    {%- for tracked in tracked_properties() if tracked.name not in hubspot_deal_history_fields() %}
    when {{ property }} = '{{ tracked.name }}' and {{ source }} in {{ sql_list(tracked.tracked) }} then {{ property }}
    {%- endfor %}
end
{%- endmacro %}

{#- A pipeline with its stages. stageId and active are the spelling of the older pipelines API. -#}
{% macro hubspot_pipeline_shape() -%}
{"label":"VARCHAR","displayOrder":"VARCHAR","archived":"VARCHAR","active":"VARCHAR","createdAt":"VARCHAR","updatedAt":"VARCHAR","stages":[{"id":"VARCHAR","stageId":"VARCHAR","label":"VARCHAR","displayOrder":"VARCHAR","archived":"VARCHAR","active":"VARCHAR","createdAt":"VARCHAR","updatedAt":"VARCHAR","metadata":{"isClosed":"VARCHAR","probability":"VARCHAR"}}]}
{%- endmacro %}
{% macro hubspot_pipeline_shape_spark() -%}
struct<label:string,displayOrder:string,archived:string,active:string,createdAt:string,updatedAt:string,stages:array<struct<id:string,stageId:string,label:string,displayOrder:string,archived:string,active:string,createdAt:string,updatedAt:string,metadata:struct<isClosed:string,probability:string>>>>
{%- endmacro %}

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

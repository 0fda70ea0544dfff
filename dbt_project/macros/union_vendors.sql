{#- Every vendor's staging model of one thing, one below the other. `columns` names them explicitly, so that a vendor's
    own extra columns never leak below staging. A marketing thing is asked of the vendors that have it, and its common
    columns are there whatever they have. -#}
{% macro union_vendors(thing, columns='*', where=none) %}
{%- set is_marketing = thing in marketing_columns() %}
{%- for vendor in ((var('marketing')[thing] or []) if is_marketing else var('vendors')) %}
select {{ columns }} from {{ ref('stg_' ~ vendor ~ '__' ~ thing) }}
{%- if where %} where {{ where }}{% endif %}
{%- if is_marketing or not loop.last %}
union all by name
{%- endif %}
{%- endfor %}
{%- if is_marketing %}
{{ no_rows(thing) }}
{%- endif %}
{% endmacro %}

{#- What a vendor does not have: no rows, in the common columns. -#}
{% macro no_rows(thing) %}{% set columns = {
    'teams': {'source': 'varchar', 'source_team_id': 'varchar', 'team_name': 'varchar', 'extracted_at': 'timestamptz',
        'window_seq': 'bigint', 'part': 'integer', 'line': 'bigint'},
    'lead_objects': {'source': 'varchar', 'source_lead_object_id': 'varchar', 'lead_type': 'varchar',
        'lead_label': 'varchar', 'pipeline_id': 'varchar', 'stage_id': 'varchar', 'owner_id': 'varchar',
        'created_at': 'timestamptz', 'updated_at': 'timestamptz', 'is_archived': 'boolean',
        'archived_at': 'timestamptz', 'merged_ids': 'varchar[]', 'extracted_at': 'timestamptz',
        'window_id': 'varchar', 'window_seq': 'bigint'},
    'companies': {'source': 'varchar', 'source_company_id': 'varchar', 'company_name': 'varchar',
        'domain_hash': 'varchar', 'industry': 'varchar', 'country': 'varchar', 'created_at': 'timestamptz',
        'updated_at': 'timestamptz', 'is_archived': 'boolean', 'archived_at': 'timestamptz',
        'merged_ids': 'varchar[]', 'source_url': 'varchar', 'extracted_at': 'timestamptz', 'window_id': 'varchar',
        'window_seq': 'bigint'},
    'goal_targets': {'source': 'varchar', 'source_goal_id': 'varchar', 'goal_name': 'varchar',
        'source_owner_id': 'varchar', 'source_user_id': 'varchar', 'source_team_id': 'varchar',
        'amount': 'decimal(18, 2)', 'starts_at': 'timestamptz', 'ends_at': 'timestamptz', 'known_since': 'date',
        'record': 'varchar', 'extracted_at': 'timestamptz', 'window_id': 'varchar'},
    'lead_stage_events': {'source': 'varchar', 'source_lead_id': 'varchar', 'field': 'varchar',
        'effective_at': 'timestamptz', 'sequence': 'integer', 'value': 'varchar', 'window_seq': 'bigint'},
    'lifecycle_stages': {'source': 'varchar', 'lifecycle_stage': 'varchar', 'stage_name': 'varchar',
        'position': 'integer', 'funnel_step': 'varchar'},
    'property_listings': {'source': 'varchar', 'object': 'varchar', 'property_name': 'varchar',
        'property_label': 'varchar', 'property_type': 'varchar', 'extracted_at': 'timestamptz',
        'window_seq': 'bigint'},
    'rejected_properties': {'source': 'varchar', 'stream': 'varchar', 'record_id': 'varchar', 'reason': 'varchar',
        'is_superseded': 'boolean', 'window_id': 'varchar', 'window_seq': 'bigint', 'extracted_at': 'timestamptz',
        'record': 'varchar'},
    'deal_properties': {'source': 'varchar', 'source_deal_id': 'varchar', 'extracted_at': 'timestamptz',
        'window_id': 'varchar', 'window_seq': 'bigint'},
} %}
select {% for name, type in (columns.get(thing) or marketing_columns()[thing]).items() %}cast(null as {{ type }}) as {{ name }}{{ ', ' if not loop.last }}{% endfor %}
where false
{% endmacro %}

{#- Columns of the marketing things, in which the staging models of vendors that have them end; campaign_name and channel of
    a day only where the vendor says them there: a campaign that is in no list any more is called so. -#}
{% macro marketing_columns() %}{{ return({
    'campaigns': {'source': 'varchar', 'source_campaign_id': 'varchar', 'campaign_name': 'varchar',
        'channel': 'varchar', 'status': 'varchar', 'extracted_at': 'timestamptz', 'window_seq': 'bigint'},
    'campaign_days': {'source': 'varchar', 'source_campaign_id': 'varchar', 'date': 'date', 'impressions': 'bigint',
        'clicks': 'bigint', 'cost': 'decimal(18, 6)', 'currency': 'varchar', 'conversions': 'double',
        'campaign_name': 'varchar', 'channel': 'varchar', 'extracted_at': 'timestamptz', 'window_seq': 'bigint'},
    'session_days': {'source': 'varchar', 'row_id': 'varchar', 'property_id': 'varchar', 'date': 'date',
        'session_source': 'varchar', 'session_medium': 'varchar', 'source_campaign_id': 'varchar',
        'campaign_name': 'varchar', 'sessions': 'bigint', 'key_events': 'double', 'revenue': 'decimal(18, 6)',
        'cost': 'decimal(18, 6)', 'currency': 'varchar', 'is_thresholded': 'boolean', 'is_sampled': 'boolean',
        'has_other_row': 'boolean', 'is_truncated': 'boolean', 'is_gone': 'boolean', 'extracted_at': 'timestamptz',
        'window_seq': 'bigint'},
    'email_campaigns': {'source': 'varchar', 'source_campaign_id': 'varchar', 'campaign_name': 'varchar',
        'sent_at': 'timestamptz', 'emails_sent': 'bigint', 'opens': 'bigint', 'unique_opens': 'bigint',
        'clicks': 'bigint', 'unique_clicks': 'bigint', 'unsubscribed': 'bigint', 'bounces': 'bigint',
        'extracted_at': 'timestamptz', 'window_seq': 'bigint'},
    'touches': {'source': 'varchar', 'touch_id': 'varchar', 'touch_type': 'varchar', 'touch_at': 'timestamptz',
        'person_hash': 'varchar', 'source_lead_id': 'varchar', 'channel': 'varchar', 'source_campaign_id': 'varchar',
        'campaign_name': 'varchar', 'is_gone': 'boolean', 'extracted_at': 'timestamptz', 'window_seq': 'bigint'},
}) }}{% endmacro %}

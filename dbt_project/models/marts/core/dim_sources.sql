-- One row per connection that has landed something: since when its history tells, and how many records each stream has.
{%- set streams = {
    'deal_records': 'int_deals', 'lead_records': 'int_leads', 'company_records': 'int_companies', 'owner_records': 'int_owners',
    'stage_records': 'int_stages', 'lead_object_records': 'int_lead_objects'
} %}
with

history as (
    select source, min(entered_at) as history_starts_at
    from {{ ref('int_stage_visits') }}
    group by 1
)
{%- for name, model in streams.items() %},

{{ name }} as (
    select source, count(*) as {{ name }}
    from {{ ref(model) }}
    group by 1
)
{%- endfor %}

select
    landings.source,
    landings.vendor,
    configured.account_id,
    history.history_starts_at,
    landings.first_landed_at,
    landings.last_window_end,
    case when reach.is_whole then {{ as_of() }} else reach.reached_at end as reached_at,
    case
        when reach.is_whole then 0
        else {{ elapsed_seconds('reach.reached_at', as_of()) }} / 3600
    end as hours_behind
    {%- for name in streams %},
    coalesce({{ name }}.{{ name }}, 0) as {{ name }}
    {%- endfor %}
from {{ ref('int_landings') }} as landings
left join {{ source('meta', 'configured_sources') }} as configured on landings.source = configured.source
left join {{ source('meta', 'source_reach') }} as reach on landings.source = reach.source
left join history on landings.source = history.source
{%- for name in streams %}
left join {{ name }} on landings.source = {{ name }}.source
{%- endfor %}

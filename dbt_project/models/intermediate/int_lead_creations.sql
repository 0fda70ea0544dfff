-- One row per lead that had an owner when it was created, or when the first thing known of it happened.
with

events as (
    select
        lead_key, field, value, effective_at, sequence,
        min(effective_at) over (partition by lead_key) as known_at
    from {{ ref('int_lead_events') }}
    where effective_at < {{ as_of() }}
)

select
    leads.lead_key,
    {{ entity_key(
        'any_value(leads.source)',
        "nullif(max_by(coalesce(events.value, ''), (events.effective_at, events.sequence)), '')"
    ) }} as owner_key
from {{ ref('int_leads') }} as leads
inner join events
    on leads.lead_key = events.lead_key and events.field = 'owner'
    and events.effective_at <= greatest(leads.created_at, events.known_at)
group by 1

-- One row per stay of a lead in a lifecycle stage, up to as_of. A cleared stage ends the stay and opens none.
with

visits as (
    select
        visits.lead_key, visits.visit_number, visits.from_stage, visits.to_stage, visits.entered_at,
        case when visits.exited_at < {{ as_of() }} then visits.exited_at end as exited_at
    from {{ ref('int_lead_visits') }} as visits
    inner join {{ ref('dim_leads') }} as leads on visits.lead_key = leads.lead_key
    where visits.entered_at < {{ as_of() }}
)

select
    {{ hash_of(['lead_key', 'cast(visit_number as varchar)']) }} as lead_transition_key,
    lead_key,
    visit_number,
    from_stage,
    to_stage,
    entered_at,
    exited_at,
    {{ elapsed_seconds('entered_at', 'exited_at') }} as duration_seconds,
    exited_at is null as is_current
from visits

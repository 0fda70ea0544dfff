-- One row per stay of a lead in a lifecycle stage, uncut by as_of. A cleared value ends the stay and opens none.
with

changes as (
    select lead_key, source, effective_at, sequence, value as stage
    from {{ ref('int_lead_events') }}
    where field = 'lifecycle_stage'
    qualify value is distinct from lag(value) over (partition by lead_key order by effective_at, sequence)
),

stays as (
    select *, lead(effective_at) over (partition by lead_key order by effective_at, sequence) as exited_at
    from changes
)

select
    lead_key,
    source,
    cast(row_number() over (partition by lead_key order by effective_at, sequence) as integer) as visit_number,
    lag(stage) over (partition by lead_key order by effective_at, sequence) as from_stage,
    stage as to_stage,
    effective_at as entered_at,
    exited_at
from stays
where stage is not null

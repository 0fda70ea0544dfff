-- One row per stay of a person in a lifecycle stage. A cleared value ends the stay and opens none.
with

leads as (
    select lead_key, source, source_lead_id, created_at, updated_at, lifecycle_stage
    from {{ ref('int_leads') }}
    where not is_merged_away
),

told as (
    {{ union_vendors('lead_stage_events', where="field = 'lifecycle_stage'") }}
),

events as (
    select leads.lead_key, leads.source, told.effective_at, told.sequence, told.value as stage
    from told
    inner join leads on told.source = leads.source and told.source_lead_id = leads.source_lead_id
    union all
    -- the record is newer than its history, or came without one
    select
        leads.lead_key, leads.source,
        case
            when newest.effective_at is null then leads.created_at
            else greatest(newest.effective_at, leads.updated_at)
        end as effective_at,
        coalesce(newest.sequence, -1) + 1 as sequence,
        leads.lifecycle_stage as stage
    from leads
    left join (
        select source, source_lead_id, effective_at, sequence, value
        from told
        qualify row_number() over (partition by source, source_lead_id order by effective_at desc, sequence desc) = 1
    ) as newest on leads.source = newest.source and leads.source_lead_id = newest.source_lead_id
    where leads.lifecycle_stage is not null and leads.lifecycle_stage is distinct from newest.value
),

changes as (
    select *
    from events
    qualify stage is distinct from lag(stage) over (partition by lead_key order by effective_at, sequence)
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

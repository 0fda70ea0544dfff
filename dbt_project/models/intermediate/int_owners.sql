-- One row per owner: the newest listing, and those that only deals, leads or their history still name.
with

listed as (
    {{ union_vendors('owners') }}
),

newest as (
    select *
    from listed
    qualify row_number() over (partition by source, source_owner_id order by window_seq desc, part desc, line desc) = 1
),

named as (
    select source, owner_id as source_owner_id from {{ ref('int_deals') }}
    union
    select source, value as source_owner_id
    from {{ ref('int_deal_events') }}
    where field = 'owner'
    union
    select source, value as source_owner_id
    from {{ ref('int_lead_events') }}
    where field = 'owner'
),

everybody as (
    select source, source_owner_id from newest
    union
    select source, source_owner_id
    from named
    where source_owner_id is not null
)

select
    {{ entity_key('everybody.source', 'everybody.source_owner_id') }} as owner_key,
    everybody.source,
    everybody.source_owner_id,
    coalesce(newest.owner_name, everybody.source_owner_id) as owner_name,
    {{ entity_key('newest.source', 'newest.team_id') }} as team_key,
    -- nobody lists them any more: they can own nothing new
    coalesce(newest.is_active, false) as is_active,
    newest.created_at,
    newest.source_owner_id is not null as is_listed
from everybody
left join newest on everybody.source = newest.source and everybody.source_owner_id = newest.source_owner_id

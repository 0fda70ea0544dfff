-- One row per team that an owner belongs or belonged to, under its newest name, and per team of funnel.yml.
with

listed as (
    {{ union_vendors('teams') }}
),

newest as (
    select source, source_team_id, team_name
    from listed
    qualify row_number() over (
        partition by source, source_team_id order by window_seq desc, part desc, line desc, team_name asc
    ) = 1
),

-- of funnel.yml those that the CRM does not know by that name
everything as (
    select source, source_team_id, team_name from newest
    union all
    select distinct given.source, given.team_name as source_team_id, given.team_name
    from {{ source('meta', 'configured_teams') }} as given
    left join newest on given.source = newest.source and given.team_name = newest.team_name
    where newest.team_name is null
)

select
    {{ entity_key('source', 'source_team_id') }} as team_key,
    source,
    source_team_id,
    team_name
from everything

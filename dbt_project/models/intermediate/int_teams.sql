-- One row per team that an owner belongs or belonged to, under its newest name.
with

listed as (
    {{ union_vendors('teams') }}
)

select
    {{ entity_key('source', 'source_team_id') }} as team_key,
    source,
    source_team_id,
    team_name
from listed
qualify row_number() over (
    partition by source, source_team_id order by window_seq desc, part desc, line desc, team_name asc
) = 1

-- One row per team that an owner belongs or belonged to.
select
    team_key,
    source,
    team_name,
    cast(null as varchar) as parent_team_key
from {{ ref('int_teams') }}

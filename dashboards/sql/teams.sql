select team_key as key, team_name as name
from marts.dim_teams
order by lower(team_name), team_key

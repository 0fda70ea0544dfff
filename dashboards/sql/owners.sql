select o.owner_key as key, o.owner_name as name, coalesce(o.team_key, '') as team, o.is_active as active
from marts.dim_owners as o
inner join owner_names as s on s.owner_key = o.owner_key and s.shown = o.owner_key
order by lower(o.owner_name), o.owner_key

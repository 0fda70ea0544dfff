-- One row per owner, deactivated ones and those that only old records name included.
select
    owner_key,
    source,
    owner_name,
    team_key,
    cast(null as varchar) as manager_owner_key,
    is_active
from {{ ref('int_owners') }}

-- One row per owner, deactivated ones and those that only old records name included.
select
    owners.owner_key,
    owners.source,
    owners.owner_name,
    case when periods.is_configured then periods.team_key else owners.team_key end as team_key,
    cast(null as varchar) as manager_owner_key,
    owners.is_active
from {{ ref('int_owners') }} as owners
left join ({{ configured_team_periods() }}) as periods
    on owners.owner_key = periods.owner_key and periods.to_at is null

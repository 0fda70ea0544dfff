-- One row per version of an owner (type 2: renamed, moved between teams, deactivated). Before our first landing the
-- oldest version known is assumed.
with

versions as (
    select *
    from {{ ref('int_owner_versions') }}
    where valid_from < {{ as_of() }} or is_first
),

spans as (
    select
        owner_key, source, owner_name, team_key, is_active, valid_from,
        case when valid_to < {{ as_of() }} then valid_to end as valid_to,
        false as is_assumed
    from versions
    where valid_from < {{ as_of() }}
    union all
    select
        owner_key, source, owner_name, team_key, is_active, {{ beginning_of_time() }} as valid_from,
        case when valid_from < {{ as_of() }} then valid_from end as valid_to,
        true as is_assumed
    from versions
    where is_first
    union all
    select
        owner_key, source, owner_name, team_key, is_active, {{ beginning_of_time() }} as valid_from,
        cast(null as timestamptz) as valid_to, true as is_assumed
    from {{ ref('int_owners') }}
    where not is_listed
)

select
    {{ hash_of(['owner_key', iso_utc('valid_from')]) }} as owner_version_key,
    owner_key,
    source,
    owner_name,
    team_key,
    cast(null as varchar) as manager_owner_key,
    is_active,
    valid_from,
    valid_to,
    is_assumed
from spans

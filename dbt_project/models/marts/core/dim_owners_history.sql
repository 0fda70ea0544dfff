-- One row per version of an owner (type 2: renamed, moved between teams, deactivated). Before our first landing the
-- oldest version known is assumed; `teams` of funnel.yml end versions too.
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
),

-- the teams of funnel.yml take the place of the CRM's for as long as they hold
teamed as (
    select
        spans.owner_key, spans.source, spans.owner_name, spans.is_active, spans.is_assumed,
        case when periods.is_configured then periods.team_key else spans.team_key end as team_key,
        greatest(spans.valid_from, periods.from_at) as valid_from,
        least(spans.valid_to, periods.to_at) as valid_to
    from spans
    left join ({{ configured_team_periods() }}) as periods
        on
            spans.owner_key = periods.owner_key
            and (spans.valid_to is null or periods.from_at < spans.valid_to)
            and (periods.to_at is null or periods.to_at > spans.valid_from)
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
from teamed

-- One row per line of targets.csv: whom it means (a key, or a name that only one has), or why nobody can tell.
with

lines as (
    select * from {{ source('meta', 'configured_targets') }}
),

known as (
    select 'owner' as level, owner_key as target_key, owner_name as target_name from {{ ref('dim_owners') }}
    union all
    select 'team' as level, team_key as target_key, team_name as target_name from {{ ref('dim_teams') }}
    union all
    select 'pipeline' as level, pipeline_key as target_key, pipeline_name as target_name from {{ ref('dim_pipelines') }}
    union all
    select 'company' as level, 'all' as target_key, 'all' as target_name
),

found as (
    select
        lines.line,
        count(*) filter (where known.target_key is not null) as candidates,
        max(known.target_key) filter (where known.target_key = lines.key) as exact_key,
        max(known.target_key) as named_key
    from lines
    left join known
        on lines.level = known.level
        and (lines.key = known.target_key or lower(lines.key) = lower(trim(known.target_name)))
    group by 1
)

select
    lines.line,
    lines.level,
    case when found.candidates = 1 then found.named_key else found.exact_key end as target_key,
    lines.first_month,
    lines.last_month,
    lines.version,
    lines.quota,
    lines.budget,
    case
        when found.candidates = 0 then 'there is no ' || lines.level || ' ' || lines.key
        when found.candidates > 1 and found.exact_key is null
            then found.candidates || ' ' || lines.level || 's are called ' || lines.key
    end as reject_reason
from lines
inner join found on lines.line = found.line

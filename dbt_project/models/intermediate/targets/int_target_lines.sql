-- One row per line of targets.csv, and per month of a CRM's goal: whom it means (a key, or a name that only one has),
-- or why nobody can tell. `line` numbers them all; of goals in the order of their ids.
with

lines as (
    select
        'targets.csv' as origin, 'line ' || line as record_id, line, level, key, first_month, last_month, version,
        quota, budget, cast(null as varchar) as known_reason
    from {{ source('meta', 'configured_targets') }}
    union all
    select
        source as origin, source_goal_id as record_id,
        cast(10000000 + row_number() over (
            order by source, length(source_goal_id), source_goal_id, version, month
        ) as integer) as line,
        level, key, month as first_month, month as last_month, version, quota, cast(null as decimal(18, 2)) as budget,
        reject_reason as known_reason
    from {{ ref('int_goal_lines') }}
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
    lines.origin,
    lines.record_id,
    lines.line,
    lines.level,
    case when found.candidates = 1 then found.named_key else found.exact_key end as target_key,
    lines.first_month,
    lines.last_month,
    lines.version,
    lines.quota,
    lines.budget,
    case
        when lines.known_reason is not null then lines.known_reason
        when found.candidates = 0 then 'there is no ' || lines.level || ' ' || lines.key
        when found.candidates > 1 and found.exact_key is null
            then found.candidates || ' ' || lines.level || 's are called ' || lines.key
    end as reject_reason
from lines
inner join found on lines.line = found.line

-- One row per target (company, pipeline, team or owner) and month: quota and budget of the newest version decided by
-- as_of, a CRM's goal before targets.csv. Levels are targets of their own: they are not assumed to add up.
with

newest as (
    select level, target_key, month, measure, amount, version, origin
    from {{ ref('int_target_months') }}
    where overlaps_line is null and (version is null or version <= {{ last_day_before(as_of()) }})
    qualify row_number() over (
        partition by level, target_key, month, measure
        order by origin <> 'targets.csv' desc, version desc nulls last
    ) = 1
)

select
    month,
    level,
    target_key,
    cast(max(amount) filter (where measure = 'quota') as decimal(18, 2)) as quota,
    max(version) filter (where measure = 'quota') as quota_version,
    cast(max(amount) filter (where measure = 'budget') as decimal(18, 2)) as budget,
    max(version) filter (where measure = 'budget') as budget_version,
    max(origin) filter (where measure = 'quota') as quota_origin
from newest
group by 1, 2, 3

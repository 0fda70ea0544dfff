-- One row per month, owner and team: the part of the owner's quota that falls on the days in the team. Null where the
-- owner has no quota for the month.
select
    days.month, days.owner_key, days.team_key, targets.quota_version,
    -- cents are split so that the parts add up to the active share of the whole
    cast(
        round(targets.quota * sum(days.active_days) over teams / days.days_in_month, 2)
        - round(targets.quota * (sum(days.active_days) over teams - days.active_days) / days.days_in_month, 2)
        as decimal(18, 2)
    ) as quota
from {{ ref('int_owner_months') }} as days
left join {{ ref('fct_targets') }} as targets
    on days.month = targets.month and targets.level = 'owner' and days.owner_key = targets.target_key
window teams as (
    partition by days.month, days.owner_key order by days.team_key nulls last
    rows between unbounded preceding and current row
)

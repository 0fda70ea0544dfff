-- One row per month, owner and team the owner was in that month: on how many of its days, and on how many of these
-- the owner was active. A day belongs to the version that holds at its end; whether somebody was active before our
-- first landing nobody tells, and counts as active.
with

spans as (
    select
        months.month,
        months.month_end,
        versions.owner_key,
        versions.team_key,
        versions.is_active or versions.is_assumed as is_counted,
        greatest({{ to_reporting_date('versions.valid_from') }}, months.month) as first_day,
        -- least() passes over null: still in force
        least({{ to_reporting_date('versions.valid_to') }}, months.month_end + 1) as end_day
    from {{ ref('int_months') }} as months
    inner join {{ ref('dim_owners_history') }} as versions
        on versions.valid_from < months.ends_at
        and (versions.valid_to is null or versions.valid_to >= months.starts_at)
)

select
    month,
    owner_key,
    team_key,
    cast(sum(end_day - first_day) as integer) as team_days,
    cast(coalesce(sum(end_day - first_day) filter (where is_counted), 0) as integer) as active_days,
    cast(any_value(month_end) - month + 1 as integer) as days_in_month
from spans
where end_day > first_day
group by 1, 2, 3

-- One row per goal of a CRM, version of it and month of its period, in the reporting currency; or one with the reason
-- why it cannot be used. A goal of several months is split evenly, to the cent.
with

goals as (
    {{ union_vendors('goal_targets') }}
),

dated as (
    select
        *,
        -- a CRM writes the last millisecond of a period or the first of the next
        cast(starts_at at time zone 'UTC' as date) as first_day,
        cast((ends_at - interval '1 millisecond') at time zone 'UTC' as date) as last_day
    from goals
),

judged as (
    select
        *,
        case
            when amount is null or amount < 0 then 'its target is not an amount of 0 or more'
            when first_day is null or last_day is null then 'its period has no beginning or no end'
            when last_day < first_day then 'its period ends before it begins'
            when first_day <> date_trunc('month', first_day) or last_day <> last_day(last_day)
                then 'its period ' || first_day || ' to ' || last_day || ' is not whole months'
            when coalesce(source_owner_id, source_user_id, source_team_id) is null then 'it is assigned to nobody'
        end as reject_reason
    from dated
),

numbered as (
    select
        *,
        case
            when reject_reason is null
                then 12 * (year(last_day) - year(first_day)) + month(last_day) - month(first_day) + 1
            else 1
        end as months
    from judged
),

parts as (
    select
        numbered.*,
        place.n,
        cast(date_trunc('month', numbered.first_day) + to_months(cast(place.n - 1 as integer)) as date) as month,
        cast(
            round(numbered.amount * place.n / numbered.months, 2)
            - round(numbered.amount * (place.n - 1) / numbered.months, 2) as decimal(18, 2)
        ) as part_amount
    from numbered, unnest(generate_series(1, numbered.months)) as place (n)
)

select
    parts.source,
    parts.source_goal_id,
    case when coalesce(parts.source_owner_id, parts.source_user_id) is not null then 'owner' else 'team' end as level,
    {{ entity_key(
        'parts.source', "coalesce(parts.source_owner_id, 'user ' || parts.source_user_id, parts.source_team_id)"
    ) }} as key,
    parts.month,
    parts.known_since as version,
    {{ converted('parts.part_amount', 'coalesce(plan_rates.rate, spot_rates.rate)') }} as quota,
    coalesce(
        parts.reject_reason,
        case
            when coalesce(plan_rates.rate, spot_rates.rate) is null
                then 'there is no rate for ' || coalesce(home.home_currency, 'the home currency, which is not known')
        end
    ) as reject_reason
from parts
left join {{ ref('int_home_currencies') }} as home on parts.source = home.source
{{ join_rate('plan_rates', 'parts.source', 'home.home_currency', "'plan'", 'parts.month') }}
{{ join_rate('spot_rates', 'parts.source', 'home.home_currency', "'spot'", 'parts.month') }}

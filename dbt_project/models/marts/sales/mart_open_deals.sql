-- One row per deal open at as_of: how long it stands, what speaks against it, and in which order to look after it.
-- Contacts and planned activities are the newest the CRM told; what it tells of no deal of a source is not known there.
with

thresholds as (
    select
        max(value) filter (where name = 'factor') as factor,
        max(value) filter (where name = 'inactive_days') as inactive_days,
        max(value) filter (where name = 'pushes') as pushes
    from {{ source('meta', 'configured_thresholds') }}
),

stage_days as (
    select {{ stage_key('source', 'pipeline_id', 'stage_id') }} as stage_key, value as days
    from {{ source('meta', 'configured_thresholds') }}
    where name = 'days'
),

-- as mart_stage_performance_monthly has it for the month of as_of
times as (
    select stage_key, trailing_12m_p75_days as p75_days
    from {{ ref('int_stage_times_monthly') }}
    where month = (select max(months.month) from {{ ref('int_months') }} as months)
),

told as (
    select source, bool_or(last_contacted_at is not null) as tells_contacts,
        bool_or(next_activity_at is not null) as tells_plans
    from {{ ref('int_deals') }}
    group by 1
),

measured as (
    select
        deals.*,
        stages.probability,
        thresholds.inactive_days,
        thresholds.pushes,
        owners.team_key,
        not owners.is_active as is_owner_gone,
        stays.entered_at as stage_entered_at,
        {{ elapsed_days('stays.entered_at', as_of()) }} as days_in_stage,
        times.p75_days as stage_p75_days,
        coalesce(stage_days.days, thresholds.factor * times.p75_days) as stall_after_days,
        coalesce(deals.stage_category = 'fulfilment', false) as is_fulfilment,
        -- what happened at or after as_of is not known yet
        case when activity.last_contacted_at < {{ as_of() }} then activity.last_contacted_at end as last_contacted_at,
        activity.next_activity_at,
        told.tells_contacts and activity.last_contacted_at is null as is_never_contacted,
        case
            when told.tells_plans then coalesce(activity.next_activity_at >= {{ as_of() }}, false)
        end as has_next_step,
        odds.win_30d, odds.win_60d, odds.win_90d, odds.p_won, odds.p_push, odds.expected_amount, odds.likeliest_month
    from {{ ref('dim_deals') }} as deals
    inner join {{ ref('fct_stage_transitions') }} as stays on deals.deal_key = stays.deal_key and stays.is_current
    inner join {{ ref('int_deals') }} as activity on deals.deal_key = activity.deal_key
    inner join told on deals.source = told.source
    cross join thresholds
    left join {{ ref('dim_stages') }} as stages on deals.stage_key = stages.stage_key
    left join {{ ref('dim_owners') }} as owners on deals.owner_key = owners.owner_key
    left join times on deals.stage_key = times.stage_key
    left join stage_days on deals.stage_key = stage_days.stage_key
    left join {{ ref('int_deal_outlook') }} as odds on deals.deal_key = odds.deal_key
    where deals.is_open and not deals.is_deleted
),

judged as (
    select
        *,
        {{ elapsed_days('last_contacted_at', as_of()) }} as days_since_activity,
        coalesce(days_in_stage > stall_after_days, false) as is_stalled,
        {{ weighted('amount_reporting', 'probability') }} as crm_weighted_amount
    from measured
),

explained as (
    select
        *,
        case when not is_fulfilment then list_filter([
            case when is_stalled
                then 'stalled: ' || cast(floor(days_in_stage) as bigint) || ' days in the stage' end,
            case when is_never_contacted then 'never contacted' end,
            case when days_since_activity > inactive_days
                then 'no contact for ' || cast(floor(days_since_activity) as bigint) || ' days' end,
            case
                when has_next_step then null
                when next_activity_at is not null then 'the next step is overdue'
                when not has_next_step then 'no next step'
            end,
            case when close_date is null then 'no close date'
                when close_date < {{ last_day_before(as_of()) }} then 'the close date is past' end,
            case when close_date_pushes >= pushes then 'pushed ' || close_date_pushes || ' times' end,
            case when coalesce(amount, 0) <= 0 then 'no amount' end,
            case when owner_key is null then 'no owner' when is_owner_gone then 'the owner is inactive' end
        ], lambda reason: reason is not null) end as reasons
    from judged
)

select
    deal_key,
    source,
    deal_name,
    pipeline_key,
    stage_key,
    stage_category,
    owner_key,
    team_key,
    deal_type,
    amount,
    currency,
    amount_reporting,
    crm_weighted_amount,
    created_at,
    close_date,
    stage_entered_at,
    days_in_stage,
    stage_p75_days,
    stall_after_days,
    is_stalled,
    win_30d as win_probability_30d,
    win_60d as win_probability_60d,
    win_90d as win_probability_90d,
    p_won as win_probability_eventual,
    expected_amount,
    likeliest_month as expected_close_month,
    p_push as push_probability,
    close_date_pushes,
    last_contacted_at,
    days_since_activity,
    next_activity_at,
    has_next_step,
    cast(coalesce(len(reasons), 0) as integer) as risk_count,
    nullif(array_to_string(reasons, '; '), '') as risk_reasons,
    cast(case
        when not is_fulfilment then row_number() over (
            partition by is_fulfilment
            order by
                len(reasons) > 0 desc, crm_weighted_amount desc nulls last, amount_reporting desc nulls last,
                close_date asc nulls last, deal_key asc
        )
    end as integer) as priority_rank,
    source_url
from explained

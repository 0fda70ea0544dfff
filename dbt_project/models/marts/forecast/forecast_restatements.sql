-- One row per figure of actual_revenue_monthly of a closed month, deal and cause that moved it since: amounts of a
-- figure sum to its restated_amount, to the cent. old_value and new_value are the deal's part of the figure before and
-- after.
with

deals as (
    select *
    from {{ ref('int_restated_deals') }}
),

sides as (
    select *, 'all' as segment_type, 'all' as old_segment, 'all' as new_segment, '' as moved_by
    from deals
    union all
    select
        *, 'pipeline' as segment_type, old_pipeline as old_segment, new_pipeline as new_segment,
        'stage_remap' as moved_by
    from deals
    union all
    select *, 'team' as segment_type, old_team as old_segment, new_team as new_segment, 'owner_move' as moved_by
    from deals
),

-- the change of value lies in the segment the deal is in now
changes as (
    select month, segment_type, coalesce(new_segment, old_segment) as segment, deal_key, cause, detected_at, amount
    from sides
),

moves as (
    select distinct month, segment_type, old_segment, new_segment, deal_key, moved_by, detected_at, old_value
    from sides
    where was_there and is_there and old_segment <> new_segment
),

figures as (
    select * from changes
    union all
    select
        month, segment_type, old_segment as segment, deal_key, moved_by as cause, detected_at, -old_value as amount
    from moves
    union all
    select month, segment_type, new_segment as segment, deal_key, moved_by as cause, detected_at, old_value as amount
    from moves
),

summed as (
    select
        month, segment_type, segment, deal_key, cause,
        max(detected_at) as detected_at,
        cast(sum(amount) as decimal(18, 2)) as amount
    from figures
    group by 1, 2, 3, 4, 5
    having sum(amount) <> 0
),

known as (
    select month, deal_key, 'all' as segment_type, 'all' as segment, coalesce(amount_reporting, 0) as value
    from {{ source('meta', 'frozen_wins') }}
    union all
    select
        month, deal_key, 'pipeline' as segment_type, pipeline_key as segment, coalesce(amount_reporting, 0) as value
    from {{ source('meta', 'frozen_wins') }}
    union all
    select month, deal_key, 'team' as segment_type, team_key as segment, coalesce(amount_reporting, 0) as value
    from {{ source('meta', 'frozen_wins') }}
),

steps as (
    select
        summed.*,
        coalesce(known.value, 0) as closed_value,
        sum(summed.amount) over (
            partition by summed.month, summed.segment_type, summed.segment, summed.deal_key order by summed.cause
        ) as so_far
    from summed
    left join known
        on summed.month = known.month and summed.segment_type = known.segment_type
        and summed.segment = known.segment and summed.deal_key = known.deal_key
)

select
    'actual_revenue_monthly' as table_name,
    segment_type || '|' || segment as key,
    'won_amount_now' as column_name,
    month,
    segment_type,
    segment,
    cast(closed_value + so_far - amount as decimal(18, 2)) as old_value,
    cast(closed_value + so_far as decimal(18, 2)) as new_value,
    amount,
    cause,
    deal_key,
    detected_at
from steps

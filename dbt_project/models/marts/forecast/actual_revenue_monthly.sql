-- One row per month and segment: what was won in it as of now, reversed wins left out, beside what the month was closed
-- with (null until it is closed; newest revision).
with

won as (
    select won_month as month, pipeline_key, coalesce(team_key, '') as team_key, amount_reporting
    from {{ ref('fct_won_revenue') }}
    where not is_reversed
),

by_segment as (
    select month, 'all' as segment_type, 'all' as segment, sum(amount_reporting) as won_amount_now
    from won
    group by 1
    union all
    select month, 'pipeline' as segment_type, pipeline_key as segment, sum(amount_reporting) as won_amount_now
    from won
    group by 1, 3
    union all
    select month, 'team' as segment_type, team_key as segment, sum(amount_reporting) as won_amount_now
    from won
    group by 1, 3
),

-- a segment without a win when the month was closed was closed with 0
closed as (
    select distinct cast(date_trunc('month', month_end) as date) as month
    from {{ source('meta', 'frozen_vintages') }}
),

figures as (
    select
        coalesce(by_segment.month, frozen.month) as month,
        coalesce(by_segment.segment_type, frozen.segment_type) as segment_type,
        coalesce(by_segment.segment, frozen.segment) as segment,
        cast(coalesce(by_segment.won_amount_now, 0) as decimal(18, 2)) as won_amount_now,
        frozen.won_amount as frozen_amount
    from by_segment
    full join {{ source('meta', 'frozen_revenue') }} as frozen
        on by_segment.month = frozen.month and by_segment.segment_type = frozen.segment_type
        and by_segment.segment = frozen.segment
),

stood as (
    select
        figures.*,
        case
            when closed.month is not null then cast(coalesce(figures.frozen_amount, 0) as decimal(18, 2))
        end as won_amount_at_close_of_month
    from figures
    left join closed on figures.month = closed.month
)

select
    stood.month,
    stood.segment_type,
    stood.segment,
    stood.won_amount_at_close_of_month,
    stood.won_amount_now,
    cast(stood.won_amount_now - stood.won_amount_at_close_of_month as decimal(18, 2)) as restated_amount,
    coalesce(months.is_complete_month, false) as is_complete_month
from stood
left join {{ ref('int_months') }} as months on stood.month = months.month

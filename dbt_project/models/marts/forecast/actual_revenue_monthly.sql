-- One row per month and segment: what was won in it as of now, reversed wins left out. What a month was closed with is
-- null until it is closed.
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
)

select
    by_segment.month,
    by_segment.segment_type,
    by_segment.segment,
    cast(null as decimal(18, 2)) as won_amount_at_close_of_month,
    cast(coalesce(by_segment.won_amount_now, 0) as decimal(18, 2)) as won_amount_now,
    cast(null as decimal(18, 2)) as restated_amount,
    coalesce(months.is_complete_month, false) as is_complete_month
from by_segment
left join {{ ref('int_months') }} as months on by_segment.month = months.month

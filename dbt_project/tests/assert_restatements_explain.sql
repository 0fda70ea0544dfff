-- What a closed month's revenue was restated by is explained by deal and cause to the cent, in every segment; and the
-- frozen revenue of a segment is that of its frozen wins.
with

explained as (
    select month, segment_type, segment, sum(amount) as amount
    from {{ ref('forecast_restatements') }}
    group by 1, 2, 3
),

wins as (
    select month, 'all' as segment_type, 'all' as segment, amount_reporting as value
    from {{ source('meta', 'frozen_wins') }}
    union all
    select month, 'pipeline' as segment_type, pipeline_key as segment, amount_reporting as value
    from {{ source('meta', 'frozen_wins') }}
    union all
    select month, 'team' as segment_type, team_key as segment, amount_reporting as value
    from {{ source('meta', 'frozen_wins') }}
),

frozen as (
    select month, segment_type, segment, sum(coalesce(value, 0)) as value
    from wins
    group by 1, 2, 3
)

select 'restated' as rule, figures.month, figures.segment_type, figures.segment,
    figures.restated_amount - coalesce(explained.amount, 0) as gap
from {{ ref('actual_revenue_monthly') }} as figures
full join explained
    on figures.month = explained.month and figures.segment_type = explained.segment_type
    and figures.segment = explained.segment
where coalesce(figures.restated_amount, 0) <> coalesce(explained.amount, 0)
union all
select 'frozen' as rule, revenue.month, revenue.segment_type, revenue.segment,
    revenue.won_amount - coalesce(frozen.value, 0) as gap
from {{ source('meta', 'frozen_revenue') }} as revenue
full join frozen
    on revenue.month = frozen.month and revenue.segment_type = frozen.segment_type
    and revenue.segment = frozen.segment
where coalesce(revenue.won_amount, 0) <> coalesce(frozen.value, 0)

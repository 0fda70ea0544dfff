-- One row per month and pipeline ('all' included): what turns the open deals at the month's start into money per day,
-- over the 90 days up to the month's end (the running month: up to as_of). All factors of one segment.
select
    scopes.month,
    scopes.pipeline_key,
    cast(count(*) filter (where closings.outcome = 'won') as double)
    / nullif(count(*) filter (where closings.outcome in ('won', 'lost')), 0) as trailing_win_rate,
    {{ exact_average(
        'closings.amount_plan', "closings.outcome = 'won' and closings.amount_at_close > 0"
    ) }} as trailing_deal_size,
    {{ exact_average('closings.cycle_microseconds', "closings.outcome = 'won'") }} / 86400000000 as trailing_cycle_days,
    {{ exact_average('closings.cycle_microseconds', "closings.outcome in ('won', 'lost')") }} / 86400000000
        as trailing_throughput_days
from {{ ref('int_sales_months') }} as scopes
inner join {{ ref('int_sales_closings') }} as closings
    on closings.closing_day >= scopes.seen_to_day - 90 and closings.closing_day < scopes.seen_to_day
    and (scopes.is_rollup or scopes.pipeline_key = closings.pipeline_key)
group by 1, 2

-- fiscal period × segment: the current forecast of quarters and years, with quantiles of their own
select
    period_type as period,
    period_start as first_day,
    period_end as last_day,
    segment_type as kind,
    segment,
    is_whole_period as whole,
    won_so_far,
    expected_revenue as expected,
    p10,
    p50,
    p90
from marts.forecast_periods
where is_current and period_type <> 'cumulative'
order by kind, segment, period, first_day

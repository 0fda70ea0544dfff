-- segment × method × horizon: sums from which errors and coverage of past forecasts are rates
select
    segment_type as kind,
    segment,
    method,
    horizon_months as horizon,
    count(*) as n,
    sum(abs(error)) as missed,
    sum(error) as bias,
    sum(actual) as actual,
    count(is_covered) as judged,
    count(*) filter (where is_covered) as covered
from marts.forecast_accuracy_monthly
where component = 'total'
group by all
order by all

-- month end × target month × segment: what past forecasts said, the last twelve month ends, newest revision
select
    strftime(as_of_month_end, '%Y-%m') as vintage,
    strftime(target_month, '%Y-%m') as month,
    segment_type as kind,
    segment,
    horizon_months as horizon,
    expected_revenue as expected,
    p10,
    p90,
    is_reconstructed as reconstructed
from marts.forecast_monthly
where component = 'total' and as_of_month_end >= (select month - interval 12 month from asked)
qualify row_number() over (
    partition by as_of_month_end, target_month, segment_type, segment order by revision desc nulls last
) = 1
order by kind, segment, vintage, month

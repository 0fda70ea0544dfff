-- target month × component × segment: the forecast as of the last refresh
select
    strftime(target_month, '%Y-%m') as month,
    component,
    segment_type as kind,
    segment,
    horizon_months as horizon,
    expected_revenue as expected,
    p10,
    p50,
    p90,
    quota_amount as quota,
    is_within_calibration as within,
    note
from marts.forecast_current
order by kind, segment, month, component

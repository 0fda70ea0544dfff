-- month × segment: won bookings as they are now, and as they were when the month closed; 25 months
select
    strftime(month, '%Y-%m') as month,
    segment_type as kind,
    segment,
    won_amount_now as won,
    won_amount_at_close_of_month as frozen,
    restated_amount as restated,
    is_complete_month as complete
from marts.actual_revenue_monthly
where month between (select first_month from asked) and (select month from asked)
order by kind, segment, month

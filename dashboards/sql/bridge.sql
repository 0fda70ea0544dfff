-- target month × cause: what changed the company's forecast between the last two month ends
select
    strftime(as_of_month_end, '%Y-%m') as vintage,
    strftime(target_month, '%Y-%m') as month,
    cause,
    sum(amount) as amount
from marts.forecast_bridge
where as_of_month_end = (select max(as_of_month_end) from marts.forecast_bridge)
group by all
order by all

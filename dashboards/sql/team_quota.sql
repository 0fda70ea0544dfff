-- team: quota and won of its reps this month; the month's forecast of the team as published (quantiles are not summed)
with reps as (
    select
        coalesce(team_key, '') as team,
        sum(quota) as quota,
        sum(won_amount) as won_amount
    from marts.mart_rep_performance_monthly
    where month = (select month from asked)
    group by all
)

select
    r.team,
    r.quota,
    r.won_amount,
    f.expected_revenue as expected,
    f.p10,
    f.p50,
    f.p90
from reps as r
left join marts.forecast_current as f
    on f.segment_type = 'team' and f.segment = r.team and f.component = 'total' and f.target_month = (select month from asked)
where r.quota > 0 or r.won_amount > 0
order by r.quota is null, r.won_amount / nullif(r.quota, 0) desc nulls last, r.team

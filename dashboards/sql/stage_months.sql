-- month × open stage: time in stage and exits, as mart_stage_performance_monthly has them, 25 months
select
    strftime(m.month, '%Y-%m') as month,
    m.pipeline_key as pipeline,
    m.stage_key as stage,
    m.at_risk,
    m.entered,
    m.exits_forward as forward,
    m.exits_backward as backward,
    m.exits_won as won,
    m.exits_lost as lost,
    m.exits_reopened + m.exits_pipeline_change + m.exits_void as other,
    m.still_there,
    m.days_n,
    m.median_days as median,
    m.p75_days as p75,
    m.p90_days as p90,
    m.trailing_12m_p75_days as usual,
    m.stuck_count as stuck,
    m.stuck_amount,
    m.is_slow,
    m.bottleneck_rank as rank,
    m.is_complete_month as complete
from marts.mart_stage_performance_monthly as m
inner join marts.dim_stages as s using (stage_key)
where s.is_open and m.month between (select first_month from asked) and (select month from asked)
    and m.at_risk + m.entered > 0
order by all

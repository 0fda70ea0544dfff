-- cohort month × pipeline × step: deals that first reached a stage in the month, and what became of them
select
    strftime(cohort_month, '%Y-%m') as month,
    pipeline_key as pipeline,
    from_stage_key as from_stage,
    to_stage_key as to_stage,
    is_next_stage as is_next,
    is_to_won,
    entered,
    rate_n,
    reached,
    n_implied as skipped,
    lost,
    void,
    still_open,
    eventual_rate as rate,
    eventual_rate_low as low,
    eventual_rate_high as high,
    median_days_to_reach as days,
    is_mature
from marts.mart_funnel_conversion_monthly
where basis = 'stage_entered' and cohort_month between (select first_month from asked) and (select month from asked)
order by all

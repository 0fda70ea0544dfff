-- month × pipeline × stage lost from × reason: deals lost
select
    strftime(month, '%Y-%m') as month,
    pipeline_key as pipeline,
    lost_from_stage_key as stage,
    lost_reason_group as reason,
    sum(lost_count) as deals,
    sum(lost_amount) as amount
from marts.mart_loss_reasons_monthly
where month between (select first_month from asked) and (select month from asked)
group by all
order by all
